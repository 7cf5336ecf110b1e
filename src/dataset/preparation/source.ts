import { basename } from "node:path";
import { EpSamError, isEpSamError, mapConcurrently, type Reporter, skipReason } from "../../common/index.js";
import {
  type Mask,
  type ReadMaskOptions,
  type RgbImage,
  readMask,
  readRgbImage,
} from "../../imaging/index.js";
import type { ManifestRow } from "../records.js";
import type { InputImage } from "./discover.js";
import { type Duplicates, duplicatesOf, looksOf } from "./duplicates.js";
import type { PatchPosition } from "./lattice.js";
import { looksOfMask, tellMaskDoubts } from "./mask-doubts.js";
import type { DiscardedPatches, MaskValues, SkippedInput } from "./options.js";

/** An input image with the mask that belongs to it. */
export interface SourceFile extends InputImage {
  readonly maskPath: string | null;
}

/** The pixels of a source; the mask has the image's size. */
export interface SourcePixels {
  readonly image: RgbImage;
  readonly mask: Mask | null;
}

/** A source with the patches to cut from it. */
export interface PlannedSource {
  readonly file: SourceFile;
  readonly width: number;
  readonly height: number;
  readonly patches: readonly PlannedPatch[];
}

export interface PlannedPatch {
  readonly row: ManifestRow;
  readonly position: PatchPosition;
}

/** Everything decided before the first patch is written. */
export interface PreparationPlan {
  readonly patchSize: number;
  readonly sources: readonly PlannedSource[];
  readonly discarded: DiscardedPatches;
  readonly skipped: readonly SkippedInput[];
}

/**
 * Reads an image and its mask.
 * @throws EpSamError `input-image` or `input-mask` when either is unreadable, truncated, or their sizes differ.
 */
export async function readSource(file: SourceFile, maskValues: MaskValues): Promise<SourcePixels> {
  const image = await readRgbImage(file.path, { opaque: true });
  if (file.maskPath === null) return { image, mask: null };
  const expectedSize = { width: image.width, height: image.height };
  return { image, mask: await readMask(file.maskPath, { ...readMaskOptions(maskValues), expectedSize }) };
}

function readMaskOptions(maskValues: MaskValues): ReadMaskOptions {
  if (typeof maskValues === "number") return { threshold: maskValues };
  return { instances: maskValues === "any" };
}

/** What a look at a source's pixels gives: something to go on with, or the reason to leave the source out. */
export type Acceptance<T> = { readonly accepted: T } | { readonly refused: string };

export interface ExaminationJob {
  readonly maskValues: MaskValues;
  readonly concurrency: number;
  readonly reporter: Reporter;
  /** Tells the user what is doubtful of the masks. */
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads and examines every source. One that is broken or refused is left out and listed; a mask that is not binary
 * stops the job, since all of them will be of the same kind.
 * @returns also the stems of accepted sources that are the same picture
 */
export async function examineSources<T>(
  files: readonly SourceFile[],
  job: ExaminationJob,
  examine: (file: SourceFile, pixels: SourcePixels) => Acceptance<T>,
): Promise<{ accepted: T[]; skipped: SkippedInput[]; duplicates: Duplicates }> {
  let done = 0;
  const examinations = await mapConcurrently(files, job.concurrency, async (file) => {
    job.signal?.throwIfAborted();
    const pixels = await readOrRefuse(file, job.maskValues);
    done += 1;
    job.reporter.progress({ task: "reading images", done, total: files.length, detail: basename(file.path) });
    if ("refused" in pixels) return { file, examination: pixels, looks: null, mask: null };
    const examination = examine(file, pixels.accepted);
    if ("refused" in examination) return { file, examination, looks: null, mask: null };
    const { image, mask } = pixels.accepted;
    return {
      file,
      examination,
      looks: looksOf(image),
      mask: mask === null ? null : looksOfMask(image, mask),
    };
  });
  const accepted: T[] = [];
  const skipped: SkippedInput[] = [];
  for (const { file, examination } of examinations) {
    if ("refused" in examination) skipped.push({ file: file.path, reason: examination.refused });
    else accepted.push(examination.accepted);
  }
  const masks = examinations.flatMap(({ file: { maskPath }, mask }) =>
    maskPath === null || mask === null ? [] : [{ path: maskPath, looks: mask }],
  );
  for (const doubt of tellMaskDoubts(masks)) job.warn(doubt);
  return {
    accepted,
    skipped,
    duplicates: duplicatesOf(examinations.map(({ file, looks }) => [file.stem, looks])),
  };
}

async function readOrRefuse(file: SourceFile, maskValues: MaskValues): Promise<Acceptance<SourcePixels>> {
  try {
    return { accepted: await readSource(file, maskValues) };
  } catch (failure) {
    if (!isEpSamError(failure, "input-image") && !isEpSamError(failure, "input-mask")) throw failure;
    if (maskValues === "binary" && (await isReadableWithAnyValue(file))) throw notBinary(file, failure);
    return { refused: namedReason(failure) };
  }
}

/** True when the source can be read once every mask value but zero counts as foreground. */
async function isReadableWithAnyValue(file: SourceFile): Promise<boolean> {
  try {
    await readSource(file, "any");
    return true;
  } catch (failure) {
    if (isEpSamError(failure)) return false;
    throw failure;
  }
}

function notBinary(file: SourceFile, cause: EpSamError): EpSamError {
  return new EpSamError(
    "input-mask",
    {
      where: file.maskPath ?? file.path,
      what: "is not a binary mask",
      why: cause.fields.why,
      action:
        "Pass `maskValues: any` if every value but 0 is tumour (instance labels), or a number such as " +
        "`maskValues: 128` if that value and all above are (masks saved as JPEG).",
    },
    { cause },
  );
}

/** As {@link skipReason}, with the name of the file, which may be the mask of what is skipped. */
function namedReason({ fields }: EpSamError): string {
  return `${fields.where === undefined ? "" : `${basename(fields.where)} `}${skipReason(fields)}`;
}
