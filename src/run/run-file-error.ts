import { z } from "zod";
import { EpSamError, messageOf } from "../common/index.js";

/** How many problems of a file a message lists. */
const LISTED = 3;

/** The error for a file of a run that is not what it should be. */
export function runFileError(where: string, what: string, action: string, cause: unknown): EpSamError {
  return new EpSamError("run-directory", { what, where, why: problemOf(cause), action }, { cause });
}

/** In one line, also for a schema's list of problems. */
function problemOf(cause: unknown): string {
  if (!(cause instanceof z.ZodError)) return messageOf(cause);
  const problems = cause.issues.map(({ path, message }) => `${path.join(".") || "content"}: ${message}`);
  const more = problems.length > LISTED ? `, and ${problems.length - LISTED} more` : "";
  return `${problems.slice(0, LISTED).join("; ")}${more}`;
}
