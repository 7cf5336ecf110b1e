import { ChildLost, isEpSamError, messageOf, skipReason, withoutFolders } from "../../common/index.js";

/** Tags of errors that are of the slide, not of the machine or of what was asked for. */
const OWN_FAULTS = ["slide", "annotation", "input-image", "numerical", "shape", "internal"] as const;

/** A slide that ends its process, or fails in a way that nobody expected, is at fault as one that cannot be read is. */
export function isOwnFault(failure: unknown): boolean {
  return !isEpSamError(failure) || OWN_FAULTS.some((tag) => isEpSamError(failure, tag));
}

/** As lists of skipped inputs tell it, without folders. */
export function reasonOf(failure: unknown): string {
  if (failure instanceof ChildLost) {
    const memory = failure.message.includes("SIGKILL") ? " (mostly the system was out of memory)" : "";
    return `ends the program that reads it: ${failure.message}${memory}`;
  }
  if (!isEpSamError(failure)) return withoutFolders(messageOf(failure));
  return withoutFolders(skipReason(failure.fields));
}
