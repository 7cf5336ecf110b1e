import { join } from "node:path";
import type { PixelSource } from "../../slides/index.js";
import { traceFoci } from "./foci.js";
import { writeFociAsapXml, writeFociGeoJson } from "./foci-annotations.js";
import { writePyramidTiff } from "./pyramid-tiff.js";
import type { TiledRaster } from "./raster.js";
import { writeSlideOverlay } from "./slide-overlay.js";
import { type SlideSummary, summariseFoci, writeSummaryJson } from "./summary.js";
import type { FociAnnotationOptions, Focus, PyramidReduction, SlideExportInput } from "./types.js";

/** Names of a slide's results in its directory. */
export const SLIDE_RESULT_FILES = {
  mask: "mask.tif",
  probability: "probability.tif",
  activation: "activation.tif",
  geojson: "tumour.geojson",
  asapXml: "tumour.xml",
  overlay: "overlay.png",
  summary: "summary.json",
} as const;

export interface SlideExportOptions extends Omit<FociAnnotationOptions, "identity"> {
  /** See `TraceFociOptions.tolerance`, in microns. */
  readonly tolerance?: number | undefined;
  /**
   * Foci of less than this many square microns (level-0 pixels without a resolution) are left out of outlines and
   * figures, and counted in the summary; the mask keeps them. Default 0.
   */
  readonly minimumArea?: number | undefined;
  /** Longer side of the overlay in pixels. Default 2048. */
  readonly overlaySize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is told the file that is begun. */
  readonly onFile?: ((name: string) => void) | undefined;
}

export interface SlideExport {
  readonly summary: SlideSummary;
  readonly foci: readonly Focus[];
  /** Names of the files written, in their order. */
  readonly files: readonly string[];
}

/**
 * Writes everything a whole-slide segmentation results in, under the names of {@link SLIDE_RESULT_FILES}: the
 * rasters as pyramids, foci as GeoJSON and ASAP XML, an overlay, and last the summary, whose presence therefore
 * tells that all is there.
 * @throws EpSamError `storage` when a file cannot be written; what {@link traceFoci} and reading throw
 */
export async function exportSlideResults(
  source: PixelSource,
  input: SlideExportInput,
  directory: string,
  options: SlideExportOptions = {},
): Promise<SlideExport> {
  const { signal } = options;
  const files: string[] = [];
  const begin = (name: string): string => {
    signal?.throwIfAborted();
    options.onFile?.(name);
    files.push(name);
    return join(directory, name);
  };
  const rasters = [
    ["mask", input.mask, "majority", "tumour mask, 0 and 255"],
    ["probability", input.probability, "mean", "tumour probability, 0 to 255"],
    ["activation", input.activation, "mean", "class activation map, 0 to 255"],
  ] as const satisfies readonly (readonly [string, TiledRaster | null, PyramidReduction, string])[];
  for (const [name, raster, reduction, meaning] of rasters) {
    if (raster === null) continue;
    const description = `EP-SAM ${meaning}. Research use only.`;
    const { micronsPerPixel } = input;
    await writePyramidTiff(begin(SLIDE_RESULT_FILES[name]), raster, {
      micronsPerPixel,
      reduction,
      description,
      signal,
    });
  }
  const leftOut = { count: 0, level0Pixels: 0, minimumArea: options.minimumArea ?? 0 };
  const onLeftOut = (area: number): void => {
    leftOut.count += 1;
    leftOut.level0Pixels += area;
  };
  const foci = await traceFoci(input.mask, { ...options, ...input, onLeftOut });
  const annotationOptions = { ...options, identity: input.identity };
  await writeFociGeoJson(begin(SLIDE_RESULT_FILES.geojson), foci, annotationOptions);
  await writeFociAsapXml(begin(SLIDE_RESULT_FILES.asapXml), foci, annotationOptions);
  await writeSlideOverlay(begin(SLIDE_RESULT_FILES.overlay), source, input.mask, {
    size: options.overlaySize,
    signal,
  });
  const summary = summariseFoci(foci, input, leftOut);
  await writeSummaryJson(begin(SLIDE_RESULT_FILES.summary), summary);
  return { summary, foci, files };
}
