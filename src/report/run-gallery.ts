import { join } from "node:path";
import { exists, isEpSamError } from "../common/index.js";
import { camStage, roundStage, stageTitle } from "../contract/index.js";
import { type Dataset, loadPatchImage, loadPatchMask, type PatchRecord } from "../dataset/index.js";
import { patchOverlap } from "../evaluation/index.js";
import { type Colour, readMask } from "../imaging/index.js";
import { activationPrompt, PatchActivation } from "../method/index.js";
import {
  activationFolder,
  evaluationFiles,
  evaluationFolder,
  type MaskScore,
  type PatchFigures,
  type RunContext,
  type RunEvaluation,
  readActivation,
} from "../run/index.js";
import { formatFraction } from "./formats.js";
import { chooseEvaluated, chooseScored } from "./gallery-choice.js";
import { MASK_COLOURS, PatchPictures } from "./gallery-pictures.js";
import type { Gallery, GalleryEntry, GalleryPanel } from "./report-data.js";
import type { RoundScores } from "./run-selection.js";

const EVALUATED_POSITIVES = 5;
const TRAINING_PATCHES = 3;

const DESCRIPTION =
  "Not hand-picked: evaluated positive patches spread evenly over the Dice of the last stage (over the " +
  "probability without pixel masks) from the best to the worst, the negative patch with the largest predicted " +
  "area, then training patches spread over the IDS score of the last round. Activation runs from violet to " +
  "yellow, prompts are white dots. Pixel masks of training patches are not read, so theirs are not shown.";

/** What the gallery is drawn from. */
export interface GallerySources {
  readonly context: Pick<RunContext, "run" | "config">;
  readonly dataset: Dataset;
  readonly evaluated?:
    | { readonly evaluation: RunEvaluation; readonly patches: readonly PatchFigures[] }
    | undefined;
  readonly rounds: readonly RoundScores[];
}

/** A few patches from image to mask, chosen by rule. */
export async function runGallery(sources: GallerySources): Promise<Gallery> {
  const entries = [...(await evaluatedEntries(sources)), ...(await trainingEntries(sources))];
  return { description: DESCRIPTION, entries };
}

async function evaluatedEntries({ context, dataset, evaluated }: GallerySources): Promise<GalleryEntry[]> {
  const last = evaluated?.evaluation.stages.at(-1)?.stage;
  if (evaluated === undefined || last === undefined) return [];
  const entries: GalleryEntry[] = [];
  for (const figures of chooseEvaluated(evaluated.patches, last, EVALUATED_POSITIVES)) {
    const patch = dataset.patches.find(({ id }) => id === figures.id);
    if (patch === undefined) continue;
    const artist = await PatchArtist.create(context, dataset, patch);
    const files = evaluationFiles(evaluationFolder(context.run, dataset), evaluated.evaluation.split);
    entries.push({
      id: patch.id,
      label: `${patch.split}, ${patch.label === 1 ? "positive" : "negative"}`,
      measures: [
        { name: "Probability", value: formatFraction(figures.probability) },
        ...diceMeasures(figures, [camStage, last]),
      ],
      panels: [
        ...(await artist.common()),
        await artist.stored(
          `Prediction: ${stageTitle(last)}`,
          files.mask(last, patch.id),
          MASK_COLOURS.prediction,
        ),
        await artist.truth(),
      ],
    });
  }
  return entries;
}

function diceMeasures({ label, confusions }: PatchFigures, stages: readonly string[]) {
  // On a patch without foreground Dice says only whether the prediction is empty; its picture shows that.
  if (label === 0) return [];
  return stages.flatMap((stage) => {
    const counts = confusions[stage];
    if (counts === undefined) return [];
    return [{ name: `Dice, ${stageTitle(stage)}`, value: formatFraction(patchOverlap(counts).dice) }];
  });
}

async function trainingEntries({ context, dataset, rounds }: GallerySources): Promise<GalleryEntry[]> {
  const entries: GalleryEntry[] = [];
  for (const { patch: id, idsScore } of chooseScored(rounds.at(-1)?.scores ?? [], TRAINING_PATCHES)) {
    const patch = dataset.patches.find((candidate) => candidate.id === id);
    if (patch === undefined) continue;
    const artist = await PatchArtist.create(context, dataset, patch);
    const panels = [...(await artist.common())];
    for (const { round, scores } of rounds) {
      const score = scores.find((candidate) => candidate.patch === id);
      if (score !== undefined) panels.push(await artist.pseudoLabel(round, score));
    }
    const measures = [{ name: "IDS, last round", value: formatFraction(idsScore) }];
    entries.push({ id, label: "train, positive", measures, panels });
  }
  return entries;
}

/** Draws the panels of one patch. */
class PatchArtist {
  readonly #context: Pick<RunContext, "run" | "config">;
  readonly #dataset: Dataset;
  readonly #patch: PatchRecord;
  readonly #pictures: PatchPictures;

  private constructor(
    context: Pick<RunContext, "run" | "config">,
    dataset: Dataset,
    patch: PatchRecord,
    pictures: PatchPictures,
  ) {
    this.#context = context;
    this.#dataset = dataset;
    this.#patch = patch;
    this.#pictures = pictures;
  }

  static async create(context: Pick<RunContext, "run" | "config">, dataset: Dataset, patch: PatchRecord) {
    return new PatchArtist(context, dataset, patch, new PatchPictures(await loadPatchImage(patch)));
  }

  /** The panels that every patch has: image, activation map with prompts, initial mask. */
  async common(): Promise<GalleryPanel[]> {
    const { run, config } = this.#context;
    const { patchSize } = this.#dataset;
    const { id } = this.#patch;
    const image = await this.#pictures.image();
    const file = join(activationFolder(run, this.#dataset), `${id}.safetensors`);
    if (!(await exists(file))) {
      const missing = "no activation map was kept";
      return [image, { caption: "Class activation map", missing }, { caption: "Initial mask", missing }];
    }
    const size = { width: patchSize, height: patchSize };
    const activation = new PatchActivation(await readActivation(file), size, config.cam);
    const prompt = await activationPrompt(config, activation, id);
    return [
      image,
      await this.#pictures.activation(activation.map(), prompt?.points.coordinates),
      await this.#pictures.mask(
        "Initial mask",
        "Mask from the activation map",
        await activation.initialMask(),
        MASK_COLOURS.initial,
      ),
    ];
  }

  /** A mask that the run keeps in a file. */
  async stored(caption: string, file: string, colour: Colour): Promise<GalleryPanel> {
    if (!(await exists(file))) return { caption, missing: "no mask was kept" };
    return this.#pictures.mask(caption, `${caption}, over the patch`, await readMask(file), colour);
  }

  pseudoLabel(round: number, { patch, selected }: MaskScore): Promise<GalleryPanel> {
    const caption = `SAM mask, round ${round}: ${selected ? "pseudo-label" : "rejected"}`;
    return this.stored(
      caption,
      this.#context.run.path("masks", roundStage(round), `${patch}.png`),
      MASK_COLOURS.pseudoLabel,
    );
  }

  async truth(): Promise<GalleryPanel> {
    const caption = "Ground truth";
    if (this.#patch.label === 1 && this.#patch.maskPath === null)
      return { caption, missing: "no pixel mask" };
    try {
      const mask = await loadPatchMask(this.#patch, this.#dataset.patchSize);
      return this.#pictures.mask(caption, "Annotated mask over the patch", mask, MASK_COLOURS.truth);
    } catch (failure) {
      // Evaluation has named it and left it out of the figures.
      if (isEpSamError(failure, "input-mask")) return { caption, missing: `its mask ${failure.fields.what}` };
      throw failure;
    }
  }
}
