import { EpSamError, hashFile, type Reporter } from "../common/index.js";
import { type Dataset, loadPatchMask, type PatchRecord, readPixelSizes } from "../dataset/index.js";
import type { RetrainingRecord } from "../run/index.js";
import type { MaskedPatch } from "./decoder-samples.js";

/** Patches of slides that an expert has corrected, as a round of re-training uses them. */
export interface CorrectedMasks {
  readonly dataset: Dataset;
  /** Those with tumour: the masks are targets. */
  readonly patches: readonly MaskedPatch[];
  /** Their masks' files, for `run.json`. */
  readonly files: RetrainingRecord["masks"];
  /** True for a patch of {@link dataset}. */
  holds(patch: PatchRecord): boolean;
  /** True for a patch whose middle lies in a corrected one: its place has been judged by an expert. */
  cover(patch: PatchRecord): boolean;
}

/**
 * The corrected patches that may be learnt from. The rule of weak labels does not hold for them: an expert has given
 * these pixel masks. Patches of slides or patients that the run keeps for validation or test are left out with a
 * warning, so that its figures stay honest.
 * @param corrections dataset whose patches are known completely (`epsam prepare --from-annotations`)
 * @param dataset the data of the run that is trained again
 * @throws EpSamError `dataset` when the patches have another size or none with tumour is left
 */
export async function correctedMasks(
  corrections: Dataset,
  dataset: Dataset,
  reporter: Reporter,
): Promise<CorrectedMasks> {
  if (corrections.patchSize !== dataset.patchSize) {
    throw new EpSamError("dataset", {
      where: corrections.root,
      what: `has patches of ${corrections.patchSize} pixels, the run has ${dataset.patchSize}`,
      action: `Prepare the corrections with \`patchSize: ${dataset.patchSize}\` and the run's resolution.`,
    });
  }
  const held = dataset.patches.filter(({ split }) => split !== "train");
  const heldNames = new Set(held.flatMap(({ slide, patient }) => [slide, patient]));
  const isHeld = ({ slide, patient }: PatchRecord) => heldNames.has(slide) || heldNames.has(patient);
  const usable = corrections.patches.filter((patch) => !isHeld(patch));
  const left = corrections.patches.length - usable.length;
  if (left > 0) {
    reporter.warn(
      `${left} corrected patches are of patients kept for validation or test, and are left out: ` +
        "figures on them would be measured on what was learnt.",
    );
  }
  const withTumour = usable.filter(({ label, maskPath }) => label === 1 && maskPath !== null);
  if (withTumour.length === 0) {
    throw new EpSamError("dataset", {
      where: corrections.root,
      what: "has no corrected patch with tumour to learn from",
      why: `${corrections.patches.length} patches, ${left} of them of validation or test patients`,
      action: "Correct slides of other patients, or mark tumour in them.",
    });
  }
  const own = new Set(corrections.patches);
  const places = await PatchPlaces.of(corrections, usable);
  return {
    dataset: corrections,
    patches: withTumour.map((patch) => ({
      patch,
      readMask: () => loadPatchMask(patch, corrections.patchSize),
    })),
    files: await Promise.all(withTumour.map(maskFile)),
    holds: (patch) => own.has(patch),
    cover: (patch) => places.cover(patch),
  };
}

async function maskFile({ id, maskPath }: PatchRecord): Promise<RetrainingRecord["masks"][number]> {
  return { patch: id, sha256: await hashFile(maskPath ?? "") };
}

/** Where the corrected patches of each slide lie. */
class PatchPlaces {
  readonly #corners = new Map<string, { readonly x: number; readonly y: number }[]>();
  /** Sides of a patch in level-0 pixels, by slide: both datasets read a slide at one resolution. */
  readonly #sides = new Map<string, number>();

  static async of({ root, patchSize }: Dataset, patches: readonly PatchRecord[]): Promise<PatchPlaces> {
    const places = new PatchPlaces();
    const pixelSizes = await readPixelSizes(root);
    for (const { slide, x, y } of patches) {
      if (x === null || y === null) continue;
      places.#corners.set(slide, [...(places.#corners.get(slide) ?? []), { x, y }]);
      places.#sides.set(slide, patchSize * (pixelSizes.get(slide) ?? 1));
    }
    return places;
  }

  /** Whether the middle of a patch lies in one of them. */
  cover({ slide, x, y }: PatchRecord): boolean {
    const side = this.#sides.get(slide);
    if (side === undefined || x === null || y === null) return false;
    const isInside = (offset: number) => offset >= -side / 2 && offset < side / 2;
    return (this.#corners.get(slide) ?? []).some(
      (corner) => isInside(x - corner.x) && isInside(y - corner.y),
    );
  }
}
