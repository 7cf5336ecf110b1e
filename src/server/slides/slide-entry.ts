import type { PixelSource } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import type { SlideDetail, SlideEntry } from "../contract/index.js";
import type { DatasetIndexes } from "../datasets/dataset-index.js";
import { patchesOfSlide } from "../datasets/dataset-index.js";
import type { SlideLayers } from "../layers/slide-layers.js";
import { problemOf } from "../problem.js";
import { hasResults } from "../results/find-results.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { servedLevels } from "./served-levels.js";

/** A slide as the list shows it; one that cannot be opened is told with the reason. */
export async function slideEntry(context: ServerContext, slide: WorkspaceSlide): Promise<SlideEntry> {
  try {
    return await context.openSlides.use(slide.path, (source) => readyEntry(context, slide, source));
  } catch (thrown) {
    const status = { state: "broken", problem: problemOf(thrown) } as const;
    const unknown = { size: null, micronsPerPixel: null, format: null };
    return { ...(await knownFacts(context, slide)), ...unknown, status };
  }
}

/** Everything about one slide. @throws EpSamError `slide` when it cannot be opened */
export function slideDetail(
  context: ServerContext,
  slide: WorkspaceSlide,
  found: { readonly layers: SlideLayers; readonly datasets: DatasetIndexes },
  signal: AbortSignal,
): Promise<SlideDetail> {
  return context.openSlides.use(slide.path, async (source) => {
    const { layers, warnings } = await found.layers.find(slide, signal);
    return {
      ...(await readyEntry(context, slide, source)),
      levels: servedLevels(source).map(({ width, height, downsample, tileWidth, tileHeight }) => ({
        ...{ width, height, downsample, tileWidth, tileHeight },
      })),
      objectivePower: source.objectivePower,
      associatedImages: source.associatedImages,
      warnings: [...source.warnings, ...warnings],
      layers: layers.map(({ entry }) => entry),
      datasets: await datasetsOf(context, slide, found.datasets),
    };
  });
}

async function readyEntry(
  context: ServerContext,
  slide: WorkspaceSlide,
  { levels, micronsPerPixel, format }: PixelSource,
): Promise<SlideEntry> {
  const [full] = levels;
  const size = full === undefined ? null : { width: full.width, height: full.height };
  return {
    ...(await knownFacts(context, slide)),
    ...{ status: { state: "ready" }, size, micronsPerPixel, format },
  };
}

async function knownFacts(
  context: ServerContext,
  slide: WorkspaceSlide,
): Promise<Pick<SlideEntry, "id" | "name" | "annotationCount" | "segmented">> {
  const { id, name } = slide;
  const annotationCount = await context.facts.annotationCount(id);
  return { id, name, annotationCount, segmented: await hasResults(context.workspace, slide) };
}

/** Datasets with patches of the slide; one that cannot be read is told in the list of datasets. */
async function datasetsOf(
  { workspace }: ServerContext,
  slide: WorkspaceSlide,
  datasets: DatasetIndexes,
): Promise<string[]> {
  const opened = await Promise.allSettled(workspace.datasets.map((directory) => datasets.open(directory)));
  return opened.flatMap((result) =>
    result.status === "fulfilled" && patchesOfSlide(result.value, slide.stem).length > 0
      ? [result.value.directory.id]
      : [],
  );
}
