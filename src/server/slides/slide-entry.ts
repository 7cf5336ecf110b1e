import { readdir } from "node:fs/promises";
import { dirname, extname } from "node:path";
import type { SlideDetail, SlideEntry } from "../../contract/index.js";
import { kindByExtension, nameKey, stemOf } from "../../dataset/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import type { DatasetIndexes } from "../datasets/dataset-index.js";
import { patchesOfSlide } from "../datasets/dataset-index.js";
import { slidesOfDataset } from "../datasets/slides-of-dataset.js";
import { NEIGHBOUR_EXTENSIONS } from "../layers/annotation-layers.js";
import type { SlideLayers } from "../layers/slide-layers.js";
import { fileVersion } from "../open-slides.js";
import { problemOf } from "../problem.js";
import { hasResults } from "../results/find-results.js";
import type { OpenWorkspace, WorkspaceSlide } from "../workspace/workspace.js";
import { servedLevels } from "./served-levels.js";

/** What the list shows of a slide that could be opened. */
type OpenedFacts = Pick<SlideEntry, "status" | "size" | "micronsPerPixel" | "format">;

/** The slides of the list; those that were opened once are not opened again until they change. */
export class SlideList {
  readonly #context: ServerContext;
  readonly #opened = new Map<string, { readonly version: string; readonly facts: OpenedFacts }>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /**
   * @param annotated names of slides that have a file of annotations, see {@link annotatedNames}
   * @returns a slide as the list shows it; one that cannot be opened is told with the reason
   */
  async entry(slide: WorkspaceSlide, annotated: ReadonlySet<string>): Promise<SlideEntry> {
    const facts = await this.#facts(slide).catch((thrown: unknown): OpenedFacts => {
      const status = { state: "broken", problem: problemOf(thrown) } as const;
      return { status, size: null, micronsPerPixel: null, format: null };
    });
    return { ...(await knownFacts(this.#context, slide, annotated)), ...facts };
  }

  async #facts({ path }: WorkspaceSlide): Promise<OpenedFacts> {
    const known = this.#opened.get(path);
    // A file that is gone is reported by opening it.
    const current = await fileVersion(path).catch(() => null);
    if (known !== undefined && known.version === current) return known.facts;
    return this.#context.openSlides.use(path, async (source, version) => {
      const facts = openedFacts(source);
      this.#opened.set(path, { version, facts });
      return facts;
    });
  }
}

/** Names of slides, as `nameKey` writes them, that files of annotations have: beside them, or in folders given for that. */
export async function annotatedNames({ annotationFolders, slides }: OpenWorkspace): Promise<Set<string>> {
  const names = new Set<string>();
  for (const folder of new Set([...annotationFolders, ...slides.map(({ path }) => dirname(path))])) {
    // A folder that is gone has none; its slides tell.
    const files = await readdir(folder).catch(() => []);
    const isGiven = annotationFolders.includes(folder);
    for (const file of files) {
      const isAnnotation = isGiven
        ? kindByExtension(file) === "annotation"
        : NEIGHBOUR_EXTENSIONS.includes(extname(file));
      if (isAnnotation) names.add(nameKey(stemOf(file)));
    }
  }
  return names;
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
      ...(await knownFacts(context, slide, await annotatedNames(context.workspace))),
      ...openedFacts(source),
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

function openedFacts({ levels, micronsPerPixel, format }: PixelSource): OpenedFacts {
  const [full] = levels;
  const size = full === undefined ? null : { width: full.width, height: full.height };
  return { status: { state: "ready" }, size, micronsPerPixel, format };
}

type KnownFacts = Omit<SlideEntry, keyof OpenedFacts>;

async function knownFacts(
  context: ServerContext,
  slide: WorkspaceSlide,
  annotated: ReadonlySet<string>,
): Promise<KnownFacts> {
  const { id } = slide;
  const name = context.workspace.labelOf(slide);
  const { all: annotationCount, unreviewed: unreviewedCount } = await context.facts.annotationCount(id);
  const segmented = await hasResults(context.workspace, slide);
  return {
    id,
    name,
    annotationCount,
    unreviewedCount,
    annotationFile: annotated.has(nameKey(slide.stem)),
    segmented,
  };
}

/** Datasets with patches of the slide; one that cannot be read is told in the list of datasets. */
async function datasetsOf(
  { workspace }: ServerContext,
  slide: WorkspaceSlide,
  datasets: DatasetIndexes,
): Promise<string[]> {
  const opened = await Promise.allSettled(workspace.datasets.map((directory) => datasets.open(directory)));
  const ids: string[] = [];
  for (const result of opened) {
    if (result.status === "rejected" || patchesOfSlide(result.value, slide.stem).length === 0) continue;
    // Another slide of the same name may be the one that the patches were cut from.
    const own = (await slidesOfDataset(workspace, result.value)).get(nameKey(slide.stem));
    if (own?.id === slide.id) ids.push(result.value.directory.id);
  }
  return ids;
}
