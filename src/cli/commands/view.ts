import { once } from "node:events";
import { Command } from "@commander-js/extra-typings";
import { parseRedisAddress } from "../../cohort/index.js";
import {
  DEFAULT_STATE_DIRECTORY,
  DEFAULT_VIEW_HOST,
  DEFAULT_VIEW_PORT,
  type ServedWorkspace,
  type ServeOptions,
  serveWorkspace,
} from "../../server/index.js";
import {
  exclusionGroupsOption,
  type GroupOptions,
  groupRules,
  ignoreGroupsOption,
  tumourGroupsOption,
} from "../group-options.js";
import {
  cacheGigabytesOption,
  inputs,
  jsonOption,
  path,
  paths,
  queueAddress,
  queueOption,
  wholeNumber,
} from "../options.js";
import { type ActionContext, runCommand } from "../run-command.js";
import { annotationOriginOption } from "./prepare-options.js";

const HELP = `
Examples:
  $ epsam view slides                                          look at slides
  $ epsam view slides --run run --results results              with what \`epsam infer\` found
  $ epsam view slides --annotations xml --results results      and what a pathologist drew
  $ epsam view dataset run                                     patches, and what training made of them
  $ epsam view slide.svs --port 9000 --json

Serves a page on this machine alone and prints its address; open it in a browser, end with Ctrl-C. Each input is a
slide, an image, a folder of them or of DICOM files, a dataset, a run, or results of \`epsam infer\`; folders are looked
through three levels deep. Corrections and jobs are kept in ${DEFAULT_STATE_DIRECTORY}/ in the current directory (--state).
On another machine: ssh -L ${DEFAULT_VIEW_PORT}:localhost:${DEFAULT_VIEW_PORT} MACHINE, then open the printed address here.`;

/** `epsam view`: the web application. */
export function viewCommand() {
  return new Command("view")
    .argument("[inputs...]", "slides, folders, datasets, runs, results", inputs)
    .option("--run <directory...>", "run directory from `epsam train`", paths)
    .option("--results <directory...>", "what `epsam infer` wrote for the slides", paths)
    .option("--annotations <directory...>", "annotation files named like the slides", paths)
    .option(
      "--allow <directory...>",
      "folders below which the page may add slides and others by path, beside the inputs",
      paths,
    )
    .addOption(annotationOriginOption())
    .addOption(tumourGroupsOption())
    .addOption(exclusionGroupsOption())
    .addOption(ignoreGroupsOption())
    .addOption(queueOption())
    .option(
      "--state <directory>",
      `where corrections and jobs are kept (default: ${DEFAULT_STATE_DIRECTORY})`,
      path,
    )
    .option(
      "--port <number>",
      `default: ${DEFAULT_VIEW_PORT}, or any free one if that is taken`,
      wholeNumber(0, 65_535),
    )
    .option(
      "--host <address>",
      "address to serve at; another than the default requires --token",
      DEFAULT_VIEW_HOST,
    )
    .option("--token [secret]", "require a token, made up when none is given")
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, options) => runCommand(options, (context) => view({ ...options, inputs }, context)));
}

interface ViewCommandOptions
  extends GroupOptions,
    Pick<ServeOptions, "inputs" | "annotations" | "results" | "allow" | "annotationOrigin"> {
  readonly run?: readonly string[] | undefined;
  readonly queue?: string | true | undefined;
  readonly state?: string | undefined;
  readonly port?: number | undefined;
  readonly host: string;
  readonly token?: string | true | undefined;
}

async function view(options: ViewCommandOptions, context: ActionContext): Promise<null> {
  const { reporter, signal, announce } = context;
  const { inputs, results, annotations, allow, annotationOrigin, host, port, token } = options;
  const served = await serveWorkspace({
    ...{ inputs, results, annotations, allow, annotationOrigin, host, port, token, reporter, signal },
    runs: options.run,
    queue: queueOf(options),
    stateDirectory: options.state,
    groups: groupRules(options),
  });
  const { address, stateDirectory, counts } = served;
  announce({ json: { address, stateDirectory, ...counts }, text: describe(served) });
  if (!signal.aborted) await once(signal, "abort");
  await served.close();
  return null;
}

/** Checked here: jobs are told it later. */
function queueOf({ queue }: ViewCommandOptions): string | undefined {
  if (queue === undefined) return undefined;
  const address = queueAddress(queue);
  parseRedisAddress(address);
  return address;
}

function describe({ address, stateDirectory, counts }: ServedWorkspace): string {
  const { slides, datasets, runs } = counts;
  return [
    `Open ${address}`,
    `  ${counted(slides, "slide")}, ${counted(datasets, "dataset")}, ${counted(runs, "run")}`,
    `  corrections and jobs in ${stateDirectory}`,
    "  End with Ctrl-C.",
  ].join("\n");
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
