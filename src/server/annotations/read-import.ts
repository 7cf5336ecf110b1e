import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { type AnnotationSet, parseAnnotations } from "../../annotations/index.js";
import { AnsweringChild, EpSamError, messageOf, moduleBeside, storageError } from "../../common/index.js";
import { uncrossed } from "./uncrossed.js";

/** Bytes up to which a file is read here: in a moment that nobody notices. */
const MOST_HERE = 2 ** 20;

/** Annotations as the process sends them: typed arrays go as they are. */
const setSchema = z.custom<AnnotationSet>((value) => typeof value === "object" && value !== null);

/**
 * The annotations of a file that was sent, outlines that cross themselves taken apart. A large one is read in a process
 * of its own, since reading it blocks a thread for seconds.
 * @throws EpSamError `annotation` as `parseAnnotations` and for what is no text in UTF-8, `storage`
 */
export async function readImport(bytes: Uint8Array): Promise<AnnotationSet> {
  if (bytes.length <= MOST_HERE) return parseImport(bytes);
  const folder = await mkdtemp(join(tmpdir(), "epsam-import-")).catch((cause: unknown) => {
    throw storageError(tmpdir(), cause);
  });
  const child = new AnsweringChild<string>({ module: moduleBeside(import.meta.url, "./read-import-main") });
  try {
    const file = join(folder, "annotations");
    await writeFile(file, bytes).catch((cause: unknown) => {
      throw storageError(file, cause);
    });
    return await child.ask(file, setSchema);
  } finally {
    child.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws EpSamError `annotation` */
export function parseImport(bytes: Uint8Array): AnnotationSet {
  return uncrossed(parseAnnotations("the file", textOf(bytes)));
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new EpSamError("annotation", {
      where: "the file",
      what: "is not a text in UTF-8",
      why: messageOf(cause),
      action: "Give QuPath GeoJSON, ASAP XML or Camelyon16 JSON, not compressed.",
    });
  }
}
