import { RandomStream } from "../common/index.js";
import { initialMaskFolder } from "../contract/index.js";
import {
  type Dataset,
  hasPixelMasks,
  isFreeOfTumour,
  loadPatchMask,
  type PatchRecord,
} from "../dataset/index.js";
import { type Mask, readMask } from "../imaging/index.js";
import { type RunContext, readKept, type TrainingConfig } from "../run/index.js";
import type { CorrectedMasks } from "./corrected-masks.js";
import type { MaskedPatch, PromptedPatch } from "./decoder-samples.js";
import type { PatchActivations } from "./patch-predictor.js";

type Drawing = Pick<TrainingConfig, "seed" | "decoder">;

/** The patches of a split with tumour. */
function positivesOf({ patches }: Dataset, wanted: "train" | "val"): PatchRecord[] {
  return patches.filter(({ split, label }) => split === wanted && label === 1);
}

/** At most `decoder.maximumPatches` patches, in their order. */
function drawn({ seed, decoder }: Drawing, name: string, patches: readonly PatchRecord[]): PatchRecord[] {
  const limit = decoder.maximumPatches ?? patches.length;
  const chosen = new Set(new RandomStream(seed, name).shuffled(patches).slice(0, limit));
  return patches.filter((patch) => chosen.has(patch));
}

function drawnPositives(config: Drawing, dataset: Dataset): PatchRecord[] {
  return drawn(config, "decoder patches", positivesOf(dataset, "train"));
}

/** Those without tumour anywhere, as far as the labels of their windows tell. */
function drawnNegatives(config: Drawing, { patches, patchSize }: Dataset): PatchRecord[] {
  if (!config.decoder.negatives) return [];
  const negatives = patches.filter(
    (patch) => patch.split === "train" && patch.label === 0 && isFreeOfTumour(patch, patchSize),
  );
  return drawn(config, "decoder negatives", negatives);
}

/** Those with tumour; all where they are judged by the labels of their windows. */
function drawnValidation(config: Drawing, dataset: Dataset): PatchRecord[] {
  const byWindows = config.decoder.validation === "windows";
  const all = byWindows
    ? dataset.patches.filter(({ split }) => split === "val")
    : positivesOf(dataset, "val");
  return drawn(config, "validation patches", all);
}

/** A patch, and the flips and rotations of it whose embeddings are read. */
export interface ReadEmbeddings {
  readonly patch: PatchRecord;
  readonly variants: readonly number[];
}

/** The embeddings that training and its evaluation may read: of patches whose maps turn out empty it reads none. */
export function readEmbeddings(
  config: Drawing & Pick<TrainingConfig, "rounds">,
  dataset: Dataset,
): ReadEmbeddings[] {
  const { kind, variants } = config.decoder;
  if (kind !== "sam") return [];
  // Pseudo-labels are predicted of the patches as they are.
  const ofPositives = config.rounds === 0 ? variants : [...new Set([0, ...variants])];
  const tested = dataset.patches.filter(({ split }) => split === "test");
  const asTheyAre = [...drawnValidation(config, dataset), ...tested];
  return [
    ...drawnPositives(config, dataset).map((patch) => ({ patch, variants: ofPositives })),
    ...drawnNegatives(config, dataset).map((patch) => ({ patch, variants })),
    ...asTheyAre.map((patch) => ({ patch, variants: [0] })),
  ];
}

/** The patches that a run's decoders learn from and are validated on. */
export class DecoderPatches {
  readonly #context: RunContext;
  readonly #dataset: Dataset;

  constructor(context: RunContext, dataset: Dataset) {
    this.#context = context;
    this.#dataset = dataset;
  }

  /** Where the initial mask of a patch is kept. */
  initialMaskFile({ id }: PatchRecord): string {
    return this.#context.run.path("masks", initialMaskFolder, `${id}.png`);
  }

  #initialMask(patch: PatchRecord): Promise<Mask> {
    return readKept(this.initialMaskFile(patch), readMask);
  }

  /** The patches of a split with tumour. */
  positives(split: "train" | "val"): PatchRecord[] {
    return positivesOf(this.#dataset, split);
  }

  /** The positive training patches that the decoder learns from, drawn by seed when there are too many. */
  training(): PatchRecord[] {
    return drawnPositives(this.#context.config, this.#dataset);
  }

  /** Training patches without tumour, whose masks are empty, where they take part. */
  negatives(corrections?: CorrectedMasks): MaskedPatch[] {
    const side = this.#dataset.patchSize;
    const empty: Mask = { width: side, height: side, data: new Uint8Array(side * side) };
    return drawnNegatives(this.#context.config, this.#dataset)
      .filter((patch) => corrections?.cover(patch) !== true)
      .map((patch) => ({ patch, readMask: async () => empty }));
  }

  /**
   * Validation patches with prompts from their activation maps. Where the split has pixel masks (and the
   * configuration allows) they are the target, as in the paper; otherwise the initial masks are.
   */
  async validation(activations: PatchActivations): Promise<{ criterion: string; patches: PromptedPatch[] }> {
    const dataset = this.#dataset;
    const wanted = this.#context.config.decoder.validation;
    if (wanted === "windows") return this.#labelledPatches(activations);
    const byMask = wanted === "pixel-masks" || (wanted === "auto" && hasPixelMasks(dataset, "val"));
    const target = (patch: PatchRecord) =>
      byMask ? loadPatchMask(patch, dataset.patchSize) : this.#initialMask(patch);
    const patches: PromptedPatch[] = [];
    for (const patch of drawnValidation(this.#context.config, dataset)) {
      const prompt = await activations.prompt(patch, await activations.get(patch));
      if (prompt !== undefined) patches.push({ patch, prompt, readMask: () => target(patch) });
    }
    return { criterion: byMask ? "loss against pixel masks" : "loss against initial masks", patches };
  }

  /** Every validation patch with its prompt, to be judged by the labels of its windows. */
  async #labelledPatches(
    activations: PatchActivations,
  ): Promise<{ criterion: string; patches: PromptedPatch[] }> {
    const patches: PromptedPatch[] = [];
    for (const patch of drawnValidation(this.#context.config, this.#dataset)) {
      const prompt = await activations.prompt(patch, await activations.get(patch));
      if (prompt !== undefined) {
        patches.push({ patch, prompt, readMask: () => this.#initialMask(patch) });
      }
    }
    return { criterion: "error on labels of windows", patches };
  }
}
