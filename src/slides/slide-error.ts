import { EpSamError } from "../common/index.js";

const DAMAGED = "Copy the file again from its source, or open it in a viewer to check it.";

/**
 * The error of a slide that cannot be read.
 * @param what one sentence about the slide, such as "has a directory that names itself as its successor".
 * @param action what the user can do; by default to check the file.
 */
export function slideError(
  path: string,
  what: string,
  why: string | undefined,
  action: string = DAMAGED,
  cause?: unknown,
): EpSamError {
  return new EpSamError("slide", { what, where: path, why, action }, { cause });
}
