import * as z from "zod/mini";
import { type Problem, problemBodySchema } from "../../contract/index.js";

/** The server refused or could not be reached. */
export class ServerProblem extends Error {
  override readonly name = "ServerProblem";

  constructor(
    readonly problem: Problem,
    /** HTTP status; null when there was no answer. */
    readonly status: number | null,
    /** The body of the answer as JSON, for answers that carry more than the problem. */
    readonly body: unknown = null,
  ) {
    super(problem.what);
  }
}

/** How to ask for something. */
export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly file?: Blob;
  readonly signal?: AbortSignal;
}

/**
 * Asks the server and reads its JSON, which must be what the contract says.
 * @throws ServerProblem when it refuses, cannot be reached, or answers in another form
 */
export async function requestJson<Schema extends z.core.$ZodType>(
  schema: Schema,
  path: string,
  options: RequestOptions = {},
): Promise<z.output<Schema>> {
  const response = await request(path, options);
  return readAnswer(schema, await response.text(), path);
}

/**
 * What the server said, which must be what the contract says: a page that stayed open may be of another version than
 * the server that answers.
 * @throws ServerProblem when it is anything else
 */
export function readAnswer<Schema extends z.core.$ZodType>(
  schema: Schema,
  text: string,
  path: string,
): z.output<Schema> {
  const read = z.safeParse(schema, parsed(text));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "the whole answer" : issue.path.join(".");
  throw new ServerProblem(
    {
      tag: "network",
      what: "the server answers as another version of EP-SAM does",
      where: path,
      why: `${place} is not what this page expects (${issue?.code ?? "unknown"})`,
      action: "Reload the page. If it stays, restart `epsam view`.",
    },
    null,
  );
}

/** Asks the server. @throws ServerProblem when it refuses or cannot be reached */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  const init: RequestInit = { method: options.method ?? "GET", headers: { Accept: "application/json" } };
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  if (options.file !== undefined) init.body = options.file;
  if (options.signal !== undefined) init.signal = options.signal;
  const response = await reach(path, init);
  if (!response.ok) throw await refusal(response);
  return response;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (cause) {
    if (isAbort(cause)) throw cause;
    throw new ServerProblem(
      {
        tag: "network",
        what: "the server does not answer",
        where: null,
        why: null,
        action: "See whether `epsam view` still runs in its terminal; the page goes on by itself.",
      },
      null,
    );
  }
}

async function refusal(response: Response): Promise<ServerProblem> {
  const text = await response.text();
  const body = parsed(text);
  const refused = z.safeParse(problemBodySchema, body);
  if (refused.success) return new ServerProblem(refused.data.problem, response.status, body);
  return new ServerProblem(
    {
      tag: "network",
      what: `the server answered with status ${response.status}`,
      where: null,
      why: text.slice(0, 200) || null,
      action: "Reload the page.",
    },
    response.status,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

/** Whether a request was ended by its {@link AbortSignal}. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "AbortError";
}

/** Anything thrown, as the page shows it. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ServerProblem) return thrown.problem;
  return {
    tag: "internal",
    what: "the page failed",
    where: null,
    why: thrown instanceof Error ? thrown.message : String(thrown),
    action: "Reload the page; please report it if it happens again.",
  };
}
