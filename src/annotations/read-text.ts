import { readFile, stat } from "node:fs/promises";
import { messageOf } from "../common/index.js";
import { annotationError, MAXIMUM_BYTES } from "./errors.js";

/**
 * The text of an annotation file, without byte-order mark.
 * @throws EpSamError `annotation` when it cannot be read, is absurdly large, empty or not UTF-8
 */
export async function readAnnotationText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  if (bytes.length === 0) throw annotationError(path, "is empty");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const action = "Save it as UTF-8.";
    throw annotationError(path, "is not a text in UTF-8", { why: messageOf(cause), action, cause });
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size <= MAXIMUM_BYTES) return await readFile(path);
  } catch (cause) {
    const action = "Check the path and permissions.";
    throw annotationError(path, "cannot be read", { why: messageOf(cause), action, cause });
  }
  throw annotationError(path, `is larger than ${MAXIMUM_BYTES / 2 ** 20} MiB`, {
    action: "Simplify the outlines, or split the file.",
  });
}
