import { EpSamError, type ErrorTag, isEpSamError, messageOf, withoutFolders } from "../common/index.js";
import type { Problem, ProblemBody } from "../contract/index.js";

/** HTTP status (RFC 9110, section 15) of every kind of error. */
const STATUS: Readonly<Record<ErrorTag, number>> = {
  usage: 400,
  configuration: 400,
  shape: 400,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "too-large": 413,
  "input-image": 422,
  "input-mask": 422,
  slide: 422,
  annotation: 422,
  dataset: 422,
  weights: 422,
  "run-directory": 422,
  numerical: 500,
  device: 500,
  internal: 500,
  network: 502,
  busy: 503,
  storage: 507,
};

/** Seconds after which a client that was told `busy` may ask again. */
const RETRY_SECONDS = 1;

/** The HTTP status that belongs to anything thrown. */
export function statusOf(thrown: unknown): number {
  return STATUS[isEpSamError(thrown) ? thrown.tag : "internal"];
}

/**
 * Anything thrown as the page is told it. Folders are left out: paths never leave the server. What was not expected
 * is told by its kind alone, its message belongs to the terminal.
 */
export function problemOf(thrown: unknown): Problem {
  if (!isEpSamError(thrown)) {
    return {
      tag: "internal",
      what: "internal error",
      where: null,
      why: null,
      action: "The terminal that runs `epsam view` shows what happened; please report it.",
    };
  }
  const { what, where, why, action } = thrown.fields;
  return {
    tag: thrown.tag,
    what: withoutFolders(what),
    where: where === undefined ? null : withoutFolder(where),
    why: why === undefined ? null : withoutFolders(why),
    action: action === undefined ? null : withoutFolders(action),
  };
}

/** Anything thrown in one sentence for the page. */
export function problemText(thrown: unknown): string {
  const { what, where, why, action } = problemOf(thrown);
  const place = where === null ? "" : `${where}: `;
  const reason = why === null ? "" : ` (${why})`;
  return `${place}${what}${reason}.${action === null ? "" : ` ${action}`}`;
}

/** The answer to a request that failed, the same for every route. */
export function problemResponse(thrown: unknown): Response {
  const status = statusOf(thrown);
  const body: ProblemBody = { problem: problemOf(thrown) };
  const headers = new Headers({ "Cache-Control": "no-store" });
  if (status === STATUS.busy) headers.set("Retry-After", String(RETRY_SECONDS));
  return Response.json(body, { status, headers });
}

/** What the terminal is told of an error that nobody expected. */
export function unexpected(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
}

/** The error for something that is not in the workspace. */
export function notFound(what: string, where?: string): EpSamError {
  return new EpSamError("not-found", {
    what,
    where,
    action: "Reload the page; what was given to `epsam view` may have changed.",
  });
}

/** A place is a path, a file's name or an option; of paths the last part is told. */
function withoutFolder(where: string): string {
  return /[\\/]/.test(where)
    ? where.slice(1 + Math.max(where.lastIndexOf("/"), where.lastIndexOf("\\")))
    : where;
}
