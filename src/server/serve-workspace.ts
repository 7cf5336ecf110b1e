import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import type { CoordinateOrigin, GroupRules } from "../annotations/index.js";
import { isEpSamError, type Reporter, requireWritable } from "../common/index.js";
import { annotationFilesIn } from "../dataset/index.js";
import { accessRules } from "./access.js";
import { createApp } from "./app.js";
import { createServerContext, type ServerContext } from "./context.js";
import { addAllReceived } from "./received/received-folder.js";
import { addAllRegistered } from "./received/register.js";
import { resultsWithoutSlide } from "./results/find-results.js";
import { type RunningServer, startServer } from "./start-server.js";
import { tellAnnotationsNotShown } from "./workspace/left-out.js";
import { addAnnotationFolder, addInput, allowFolder } from "./workspace/recognise.js";

/** Where the web application is served unless told otherwise. */
export const DEFAULT_VIEW_PORT = 8765;
export const DEFAULT_VIEW_HOST = "127.0.0.1";
export const DEFAULT_STATE_DIRECTORY = "epsam-view";

const NAMES_IN_MESSAGE = 5;

export interface ServeOptions {
  /** Slides, folders of them, datasets, runs and results. */
  readonly inputs: readonly string[];
  readonly runs?: readonly string[] | undefined;
  readonly results?: readonly string[] | undefined;
  /** Folders of annotation files named like the slides. */
  readonly annotations?: readonly string[] | undefined;
  /** Folders below which the page may name files and folders to be added, beside the inputs themselves. */
  readonly allow?: readonly string[] | undefined;
  /** What groups of these annotations mean, beside those that are known. */
  readonly groups?: Partial<GroupRules> | undefined;
  /** Where their coordinates, and those of exported GeoJSON, begin on slides with bounds; default: by program. */
  readonly annotationOrigin?: CoordinateOrigin | undefined;
  /** `redis://…`: workers of this queue segment and prepare the slides of jobs. */
  readonly queue?: string | undefined;
  /** Where corrections, jobs and what they make are kept. */
  readonly stateDirectory?: string | undefined;
  readonly host?: string | undefined;
  /** 0 for any that is free; when left out, another one if the default is taken. */
  readonly port?: number | undefined;
  /** What every request must carry; true makes one up. Required when others can reach the address. */
  readonly token?: string | true | undefined;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface ServedWorkspace {
  /** To open in a browser, with the token. */
  readonly address: string;
  readonly port: number;
  readonly token: string | null;
  readonly stateDirectory: string;
  readonly counts: { readonly slides: number; readonly datasets: number; readonly runs: number };
  /** Ends the server and closes all files. */
  close(): Promise<void>;
}

/**
 * Starts the web application on what the inputs are.
 * @throws EpSamError `usage` when an input does not exist, the address cannot be bound to, or it can be reached from
 *   other machines without a token
 */
export async function serveWorkspace(options: ServeOptions): Promise<ServedWorkspace> {
  const { host = DEFAULT_VIEW_HOST, reporter, signal } = options;
  const token = options.token === true ? randomBytes(24).toString("base64url") : (options.token ?? null);
  const access = accessRules(host, token);
  const stateDirectory = resolve(options.stateDirectory ?? DEFAULT_STATE_DIRECTORY);
  const { groups, annotationOrigin, queue } = options;
  const context = createServerContext({ stateDirectory, signal, reporter, groups, annotationOrigin, queue });
  await warnIfUnwritable(stateDirectory, reporter);
  await fillWorkspace(context, options);
  const warn = (message: string): void => reporter.warn(message);
  await addAllReceived(context.workspace, stateDirectory, warn);
  await addAllRegistered(context.workspace, stateDirectory, warn);
  const app = createApp(context, { access });
  const server = await startOnPort(app, host, options.port);
  const { slides, datasets, runs } = context.workspace;
  return {
    address: addressOf(host, server.port, token),
    port: server.port,
    token,
    stateDirectory,
    counts: { slides: slides.length, datasets: datasets.length, runs: runs.length },
    async close() {
      await server.close();
      await context.openSlides.close();
    },
  };
}

/** Looking needs no place to write; whoever draws is to know before. */
async function warnIfUnwritable(stateDirectory: string, reporter: Reporter): Promise<void> {
  try {
    await requireWritable(stateDirectory);
  } catch (failure) {
    if (!isEpSamError(failure, "storage")) throw failure;
    const { where, what, why } = failure.fields;
    reporter.warn(
      `${where} ${what} (${why}): corrections and jobs cannot be kept. Choose another folder with \`state\`.`,
    );
  }
}

/** What the user gave is there, and what seems to be missing is told. */
async function fillWorkspace({ workspace }: ServerContext, given: ServeOptions): Promise<void> {
  const { inputs, runs = [], results = [], annotations = [], allow = [], reporter } = given;
  const warn = (message: string): void => reporter.warn(message);
  const found: string[] = [];
  const options = {
    warn,
    note: (message: string) => reporter.note(message),
    foundAnnotations: (files: readonly string[]) => found.push(...files),
  };
  for (const input of [...inputs, ...runs, ...results]) await addInput(workspace, input, options);
  for (const folder of annotations) await addAnnotationFolder(workspace, folder);
  for (const folder of [...inputs, ...allow]) await allowFolder(workspace, folder);
  const { slides, datasets } = workspace;
  if (inputs.length > 0 && slides.length + datasets.length + workspace.runs.length === 0) {
    warn(`Nothing to look at in ${inputs.join(", ")}: no slides, images, datasets or runs.`);
  }
  const inGiven = await annotationFilesIn(workspace.annotationFolders);
  for (const told of tellAnnotationsNotShown(workspace, [...new Set([...found, ...inGiven])])) warn(told);
  const missing = await resultsWithoutSlide(workspace);
  if (missing.length > 0) {
    const names = missing.slice(0, NAMES_IN_MESSAGE).join(", ");
    const rest = missing.length > NAMES_IN_MESSAGE ? ", …" : "";
    warn(
      `Results of ${missing.length} slides that are not among the inputs: ${names}${rest}. Give them, too.`,
    );
  }
}

async function startOnPort(
  app: ReturnType<typeof createApp>,
  host: string,
  port: number | undefined,
): Promise<RunningServer> {
  if (port !== undefined) return startServer(app, { host, port });
  try {
    return await startServer(app, { host, port: DEFAULT_VIEW_PORT });
  } catch (failure) {
    const isTaken = isEpSamError(failure, "usage") && isAddressInUse(failure.cause);
    if (!isTaken) throw failure;
    return startServer(app, { host, port: 0 });
  }
}

function isAddressInUse(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
}

function addressOf(host: string, port: number, token: string | null): string {
  const isWildcard = host === "0.0.0.0" || host === "::";
  const name = isWildcard ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}/${token === null ? "" : `?token=${encodeURIComponent(token)}`}`;
}
