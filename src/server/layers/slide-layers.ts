import { isEpSamError, RecentlyUsed } from "../../common/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import { problemText } from "../problem.js";
import { findResults } from "../results/find-results.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import {
  createTumourRegions,
  differenceLayer,
  findGroundTruth,
  type GroundTruth,
  groundTruthLayer,
} from "./annotation-layers.js";
import type { Layer } from "./layer.js";
import { resultLayer } from "./result-layer.js";
import { TissueMasks, tissueLayer } from "./tissue-layer.js";

/** The layers of a slide, and what kept others from being there. */
export interface FoundLayers {
  readonly layers: readonly Layer[];
  readonly warnings: readonly string[];
}

/** Slides whose layers are remembered; they hold the outlines of their annotations. */
const REMEMBERED_SLIDES = 8;

/** Finds the layers of slides, and the layer that an address means. */
export class SlideLayers {
  readonly #context: ServerContext;
  readonly #masks = new TissueMasks();
  readonly #regions = createTumourRegions();
  /** What was found last for each slide, so that a tile does not look for the layers anew. */
  readonly #found = new RecentlyUsed<string, FoundLayers>({ limit: REMEMBERED_SLIDES });

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** The layer of an identifier; undefined when the slide has none such. */
  async layer(slide: WorkspaceSlide, id: string, signal: AbortSignal): Promise<Layer | undefined> {
    const isWanted = ({ entry }: Layer): boolean => entry.id === id;
    const known = this.#found.get(slide.id)?.layers.find(isWanted);
    return known ?? (await this.find(slide, signal)).layers.find(isWanted);
  }

  /**
   * The tumour that the slide's annotation file outlines; null without one.
   * @throws EpSamError as {@link findGroundTruth} says
   */
  groundTruth(slide: WorkspaceSlide, signal: AbortSignal): Promise<GroundTruth | null> {
    return this.#context.openSlides.use(slide.path, (source) =>
      findGroundTruth(this.#context, this.#regions, slide, source, signal),
    );
  }

  /** Looks for the layers of a slide. @throws EpSamError `slide` when the slide itself cannot be opened */
  async find(slide: WorkspaceSlide, signal: AbortSignal): Promise<FoundLayers> {
    const found = await this.#context.openSlides.use(slide.path, (source, version) =>
      this.#search(slide, source, version, signal),
    );
    this.#found.set(slide.id, found);
    return found;
  }

  async #search(
    slide: WorkspaceSlide,
    source: PixelSource,
    version: string,
    signal: AbortSignal,
  ): Promise<FoundLayers> {
    const [size] = source.levels;
    if (size === undefined) return { layers: [], warnings: [] };
    const warnings: string[] = [];
    const results = await this.#resultLayers(slide, size, warnings);
    const truth = await this.#groundTruth(slide, source, signal, warnings);
    const masks = results.filter(({ entry }) => entry.kind === "tumour-mask");
    const tissue = tissueLayer(this.#context, this.#masks, slide, source, version);
    const annotated =
      truth === null
        ? []
        : [groundTruthLayer(truth, size), ...masks.map((mask) => differenceLayer(mask, truth))];
    return { layers: [...results, tissue, ...annotated], warnings };
  }

  async #resultLayers(
    slide: WorkspaceSlide,
    size: { readonly width: number; readonly height: number },
    warnings: string[],
  ): Promise<Layer[]> {
    const layers: Layer[] = [];
    for (const { rasters, origin } of await findResults(this.#context.workspace, slide, size)) {
      for (const raster of rasters) {
        try {
          layers.push(await resultLayer(this.#context.openSlides, raster, origin, size.width));
        } catch (failure) {
          if (!isEpSamError(failure)) throw failure;
          warnings.push(problemText(failure));
        }
      }
    }
    return layers;
  }

  /** A damaged annotation takes its own layers away, nothing else. */
  async #groundTruth(
    slide: WorkspaceSlide,
    source: PixelSource,
    signal: AbortSignal,
    warnings: string[],
  ): Promise<GroundTruth | null> {
    try {
      const truth = await findGroundTruth(this.#context, this.#regions, slide, source, signal);
      warnings.push(...(truth?.warnings ?? []));
      return truth;
    } catch (failure) {
      if (!isEpSamError(failure)) throw failure;
      warnings.push(problemText(failure));
      return null;
    }
  }
}
