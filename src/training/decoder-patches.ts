import { RandomStream } from "../common/index.js";
import { type Dataset, hasPixelMasks, loadPatchMask, type PatchRecord } from "../dataset/index.js";
import { type Mask, readMask } from "../imaging/index.js";
import { initialMaskFolder, type RunContext, readKept } from "../run/index.js";
import type { CorrectedMasks } from "./corrected-masks.js";
import type { MaskedPatch, PromptedPatch } from "./decoder-samples.js";
import type { PatchActivations } from "./patch-predictor.js";

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
    return this.#dataset.patches.filter((patch) => patch.split === split && patch.label === 1);
  }

  /** The positive training patches that the decoder learns from, drawn by seed when there are too many. */
  training(): PatchRecord[] {
    return this.#drawn("decoder patches", this.positives("train"));
  }

  /** Training patches without tumour, whose masks are empty, where they take part. */
  negatives(corrections?: CorrectedMasks): MaskedPatch[] {
    const dataset = this.#dataset;
    if (!this.#context.config.decoder.negatives) return [];
    const side = dataset.patchSize;
    const empty: Mask = { width: side, height: side, data: new Uint8Array(side * side) };
    const patches = dataset.patches.filter(({ split, label }) => split === "train" && label === 0);
    return this.#drawn("decoder negatives", patches)
      .filter((patch) => corrections?.cover(patch) !== true)
      .map((patch) => ({ patch, readMask: async () => empty }));
  }

  /** At most `decoder.maximumPatches` patches, in their order. */
  #drawn(name: string, patches: readonly PatchRecord[]): PatchRecord[] {
    const { seed, decoder } = this.#context.config;
    const limit = decoder.maximumPatches ?? patches.length;
    const chosen = new Set(new RandomStream(seed, name).shuffled(patches).slice(0, limit));
    return patches.filter((patch) => chosen.has(patch));
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
    for (const patch of this.#drawn("validation patches", this.positives("val"))) {
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
    const all = this.#dataset.patches.filter(({ split }) => split === "val");
    for (const patch of this.#drawn("validation patches", all)) {
      const prompt = await activations.prompt(patch, await activations.get(patch));
      if (prompt !== undefined) {
        patches.push({ patch, prompt, readMask: () => this.#initialMask(patch) });
      }
    }
    return { criterion: "error on labels of windows", patches };
  }
}
