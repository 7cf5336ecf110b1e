import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import {
  type Annotation,
  type AnnotationSet,
  type CoordinateOrigin,
  parseAnnotations,
  placeOnSlide,
  type SlidePlane,
  TumourRegion,
} from "../../annotations/index.js";
import { AnsweringChild, EpSamError, messageOf, moduleBeside, storageError } from "../../common/index.js";
import { uncrossed } from "./uncrossed.js";

/** Bytes up to which a file is read here: in a moment that nobody notices. */
const MOST_HERE = 2 ** 16;

/** What decides where the coordinates of a file lie on a slide. */
export interface ImportPlace {
  readonly path: string;
  readonly slide: SlidePlane;
  /** See {@link placeOnSlide}. */
  readonly told: CoordinateOrigin | undefined;
}

const placeSchema = z.custom<ImportPlace>((value) => typeof value === "object" && value !== null);

/** What the process behind {@link readImport} is asked: to read a file, or for its annotations from one on. */
export const importQuestion = z.union([
  z.object({ file: z.string(), place: placeSchema }),
  z.object({ from: z.number() }),
]);
type ImportQuestion = z.infer<typeof importQuestion>;

/** Annotations as the process sends them: typed arrays go as they are. */
const setSchema = z.custom<AnnotationSet>((value) => typeof value === "object" && value !== null);
const someSchema = z.custom<readonly Annotation[]>(Array.isArray);

/**
 * The annotations of a file that is sent, on their slide, outlines that cross themselves taken apart. A large one is
 * read in a process of its own, which hands them over some at a time, since either at once blocks a thread for seconds.
 * @param doubtsOf tells what is odd about outlines on the slide, of files that are read here
 * @throws EpSamError `annotation` as `parseAnnotations`, `placeOnSlide` and for what is no text in UTF-8, `storage`
 */
export async function readImport(
  body: ReadableStream<Uint8Array> | null,
  place: ImportPlace,
  doubtsOf: (outlines: TumourRegion) => Promise<readonly string[]>,
): Promise<AnnotationSet> {
  const [first, rest] = await beginningOf(body);
  if (rest === null) return withDoubts(parseImport(first, place), doubtsOf);
  const folder = await mkdtemp(join(tmpdir(), "epsam-import-")).catch((cause: unknown) => {
    throw storageError(tmpdir(), cause);
  });
  const child = new AnsweringChild<ImportQuestion>({
    module: moduleBeside(import.meta.url, "./read-import-main"),
  });
  try {
    const file = join(folder, "annotations");
    await writeFile(file, whole(first, rest)).catch((cause: unknown) => {
      throw storageError(file, cause);
    });
    const set = await child.ask({ file, place }, setSchema);
    const annotations: Annotation[] = [];
    for (;;) {
      const some = await child.ask({ from: annotations.length }, someSchema);
      if (some.length === 0) return { ...set, annotations };
      for (const one of some) annotations.push(one);
    }
  } finally {
    child.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The first bytes of a body, and what follows them; null when they are all. */
async function beginningOf(
  body: ReadableStream<Uint8Array> | null,
): Promise<[first: Uint8Array, rest: AsyncIterator<Uint8Array> | null]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const rest = body?.values();
  while (rest !== undefined && length <= MOST_HERE) {
    const { done, value } = await rest.next();
    if (done === true) return [Buffer.concat(chunks), null];
    chunks.push(value);
    length += value.length;
  }
  return [Buffer.concat(chunks), rest ?? null];
}

async function* whole(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Annotations with what is odd about all of their outlines, whatever they mean. */
export async function withDoubts(
  set: AnnotationSet,
  doubtsOf: (outlines: TumourRegion) => Promise<readonly string[]>,
): Promise<AnnotationSet> {
  const outlines = new TumourRegion(set.annotations.flatMap(({ polygons }) => polygons));
  return { ...set, warnings: [...set.warnings, ...(await doubtsOf(outlines))] };
}

/** @throws EpSamError `annotation` */
export function parseImport(bytes: Uint8Array, { slide, told }: ImportPlace): AnnotationSet {
  return placeOnSlide(uncrossed(parseAnnotations("the file", textOf(bytes), { lines: "kept" })), slide, told);
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
