import { basename } from "node:path";
import { EpSamError, isEpSamError, mapConcurrently, type Reporter } from "../../common/index.js";
import {
  type Mask,
  type ReadMaskOptions,
  type RgbImage,
  readMask,
  readRgbImage,
} from "../../imaging/index.js";
import type { ManifestRow } from "../records.js";
import type { InputImage } from "./discover.js";
import { type Duplicates, duplicatesOf, pictureKey } from "./duplicates.js";
import type { PatchPosition } from "./lattice.js";
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
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads and examines every source. One that is broken or refused is left out and listed; a mask that is not binary
 * stops the job, since all of them will be of the same kind.
 * @returns also the stems of accepted sources that have the same pixels
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
    if ("refused" in pixels) return { file, examination: pixels, key: null };
    const examination = examine(file, pixels.accepted);
    return { file, examination, key: "refused" in examination ? null : pictureKey(pixels.accepted.image) };
  });
  const accepted: T[] = [];
  const skipped: SkippedInput[] = [];
  for (const { file, examination } of examinations) {
    if ("refused" in examination) skipped.push({ file: file.path, reason: examination.refused });
    else accepted.push(examination.accepted);
  }
  return {
    accepted,
    skipped,
    duplicates: duplicatesOf(examinations.map(({ file, key }) => [file.stem, key])),
  };
}

async function readOrRefuse(file: SourceFile, maskValues: MaskValues): Promise<Acceptance<SourcePixels>> {
  try {
    return { accepted: await readSource(file, maskValues) };
  } catch (failure) {
    if (!isEpSamError(failure, "input-image") && !isEpSamError(failure, "input-mask")) throw failure;
    if (maskValues === "binary" && (await isReadableWithAnyValue(file))) throw notBinary(file, failure);
    return { refused: reasonOf(failure) };
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

/** What was wrong, how it showed and what to do, without the folder, which the list of skipped inputs has. */
function reasonOf(failure: EpSamError): string {
  const { what, why, where, action } = failure.fields;
  const reason = `${where === undefined ? "" : `${basename(where)} `}${what}${why === undefined ? "" : ` (${why})`}`;
  return action === undefined ? reason : `${reason}; ${action.replace(/\.$/, "")}`;
}
