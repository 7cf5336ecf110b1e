import { basename } from "node:path";
import { type JudgedAreas, KnownRegion, type RasterGrid, TumourRegion } from "../../annotations/index.js";
import { isEpSamError } from "../../common/index.js";
import type { Thresholds, ThresholdTruth } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import type { Layer } from "../layers/layer.js";
import type { SlideLayers } from "../layers/slide-layers.js";
import { problemText } from "../problem.js";
import { SharedWork } from "../shared-work.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { focusCounts, pixelCounts } from "./threshold-counts.js";
import { wholeLevel } from "./whole-level.js";

/** Pixels that are counted: joining them to areas takes half a second, and 40 MB. */
const MOST_PIXELS = 2 ** 22;
/** Answers that are kept; each has some thousand numbers. */
const KEPT_BYTES = 2 ** 22;
const BYTES_OF_ANSWER = 2 ** 14;

/** What is compared with: where there is tumour, and of which pixels that is known; null for all. */
interface Truth extends Pick<ThresholdTruth, "kind" | "origin"> {
  readonly version: string;
  readonly tumour: TumourRegion;
  readonly known: KnownRegion | null;
}

/** Counts what maps would call tumour, by threshold. */
export class ThresholdFigures {
  readonly #context: ServerContext;
  readonly #layers: SlideLayers;
  readonly #counted = new SharedWork<Thresholds>(KEPT_BYTES, () => BYTES_OF_ANSWER);

  constructor(context: ServerContext, layers: SlideLayers) {
    this.#context = context;
    this.#layers = layers;
  }

  /**
   * The figures of a map of fractions, over the whole slide.
   * @param minimumPixels square level-0 pixels of the least focus that is counted
   */
  async of(
    slide: WorkspaceSlide,
    layer: Layer,
    minimumPixels: number,
    signal: AbortSignal,
  ): Promise<Thresholds> {
    const { truths, warnings } = await this.#truths(slide, signal);
    const key = [layer.entry.id, minimumPixels, ...truths.map(({ version }) => version)].join("\n");
    const counted = await this.#counted.get(key, signal, (aborted) =>
      this.#context.background.run(aborted, () => count(layer, truths, minimumPixels, aborted)),
    );
    return { ...counted, warnings };
  }

  /** What there is to compare with, and why something is not. */
  async #truths(
    slide: WorkspaceSlide,
    signal: AbortSignal,
  ): Promise<{ readonly truths: readonly Truth[]; readonly warnings: readonly string[] }> {
    const truths: Truth[] = [];
    const warnings: string[] = [];
    const attempt = async (find: () => Promise<Truth | null>): Promise<void> => {
      try {
        const truth = await find();
        if (truth !== null) truths.push(truth);
      } catch (failure) {
        if (!isEpSamError(failure)) throw failure;
        warnings.push(problemText(failure));
      }
    };
    await attempt(async () => {
      const found = await this.#layers.groundTruth(slide, signal);
      if (found === null) return null;
      const { path, version, region } = found;
      return {
        ...{ kind: "ground-truth", origin: basename(path), version: `${path} ${version}` },
        ...{ tumour: region, known: null },
      };
    });
    await attempt(async () => {
      const corrections = await this.#context.facts.corrections(slide.id);
      if (corrections === null) return null;
      const { areas, version } = corrections;
      return { kind: "corrections", origin: "accepted here", version, ...correctedRegions(areas) };
    });
    return { truths, warnings };
  }
}

function correctedRegions(areas: JudgedAreas): Pick<Truth, "tumour" | "known"> {
  return { tumour: TumourRegion.ofAreas(areas), known: KnownRegion.ofAreas(areas, "unknown") };
}

async function count(
  layer: Layer,
  truths: readonly Truth[],
  minimumPixels: number,
  signal: AbortSignal,
): Promise<Thresholds> {
  const { image, level, isFinest } = await wholeLevel(layer, MOST_PIXELS, signal);
  const { downsample } = level;
  const grid: RasterGrid = {
    origin: { space: "level-0", x: 0, y: 0 },
    pixelSize: { x: downsample, y: downsample },
    width: image.width,
    height: image.height,
  };
  const compared = truths.map(({ kind, origin, tumour, known }): ThresholdTruth => {
    const tumourMask = tumour.rasterise(grid).data;
    const knownMask = known?.rasterise(grid).data;
    const isTumour = tumourMask.map((value, at) => value & (knownMask?.[at] ?? 1));
    const isOther = tumourMask.map((value, at) => (1 - value) & (knownMask?.[at] ?? 1));
    return { kind, origin, tumour: pixelCounts(image, isTumour), other: pixelCounts(image, isOther) };
  });
  return {
    downsample,
    isFinest,
    pixels: pixelCounts(image),
    foci: await focusCounts(image, Math.ceil(minimumPixels / downsample ** 2)),
    // Where nothing is known there is nothing to compare with.
    truths: compared.filter(({ tumour, other }) => (tumour[0] ?? 0) + (other[0] ?? 0) > 0),
    warnings: [],
  };
}
