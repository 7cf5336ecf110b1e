import { basename } from "node:path";
import { geoJsonOrigin } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import { defaultOf, inferenceSettings } from "../../contract/index.js";
import { patchGeometry, type Resolution } from "../../dataset/index.js";
import { type MicronsPerPixel, type PixelSource, slideFileVersion } from "../../slides/index.js";
import { type PatchLayout, patchLayout } from "../patches/layout.js";
import type { SegmenterIdentity } from "../segmenter.js";
import type { InferSlidesOptions, SegmentationSettings } from "./options.js";

/** Share by which a given resolution may differ from what the file tells without a warning. */
const SAME_RESOLUTION = 0.01;

/** What is said where the area of a cell cannot be told. */
const anySize =
  "its microns per pixel are not known: foci of any size are kept, single pixels too; `mpp` gives them, or `minimumArea` a least area in pixels of level 0";

/** How a slide will be segmented. */
export interface SegmentationPlan {
  readonly layout: PatchLayout;
  readonly settings: SegmentationSettings;
  readonly warnings: readonly string[];
}

/**
 * Decides how a slide is read and everything else that its results depend on.
 * @param options `known` are microns per pixel that go before those of the file
 * @throws EpSamError `slide` when the slide cannot be read at the run's resolution
 */
export async function planSlide(
  source: PixelSource,
  resolution: Resolution,
  model: SegmenterIdentity,
  options: Pick<
    InferSlidesOptions,
    "mpp" | "overlap" | "tissue" | "tolerance" | "minimumArea" | "annotationOrigin"
  > & { readonly known?: MicronsPerPixel | undefined },
): Promise<SegmentationPlan> {
  const { overlap: usualOverlap, tissue: usualTissue, minimumArea: usualArea } = inferenceSettings.shape;
  const { overlap = defaultOf(usualOverlap), tissue = defaultOf(usualTissue) } = options;
  const { mpp, tolerance = null } = options;
  const [full] = source.levels;
  if (full === undefined) throw new EpSamError("slide", { where: source.path, what: "has no pixels" });
  const told = options.known ?? source.micronsPerPixel;
  const micronsPerPixel = told ?? (mpp === undefined ? null : { x: mpp, y: mpp });
  if (micronsPerPixel === null && "mpp" in resolution) {
    throw new EpSamError("slide", {
      where: source.path,
      what: "does not tell its microns per pixel",
      why: `the run's patches have ${resolution.mpp}, and the slide is read at that`,
      action: "Give those of its full resolution with `mpp`.",
    });
  }
  const minimumArea = options.minimumArea ?? (micronsPerPixel === null ? 0 : defaultOf(usualArea));
  const geometry = patchGeometry(source, resolution, isotropic(micronsPerPixel), model.tileSize);
  if ("refused" in geometry) {
    throw new EpSamError("slide", { where: source.path, what: geometry.refused });
  }
  const { level, pixelSize } = geometry.accepted;
  const origin = geoJsonOrigin(source, options.annotationOrigin);
  return {
    layout: patchLayout(full, geometry.accepted, overlap),
    settings: {
      slide: await fingerprint(source.path),
      model,
      micronsPerPixel,
      reading: { level, pixelSize: pixelSize.x, mpp: geometry.accepted.mpp },
      overlap,
      tissue,
      outlines: { tolerance, minimumArea, ...(origin === undefined ? {} : { geoJsonOrigin: origin }) },
    },
    warnings: [
      ...contradiction(told, mpp),
      ...(micronsPerPixel === null && options.minimumArea === undefined ? [anySize] : []),
    ],
  };
}

/** Pixels of results are square: sides that differ, by a per mille where scanners tell so, are averaged. */
function isotropic(micronsPerPixel: MicronsPerPixel | null): MicronsPerPixel | null {
  if (micronsPerPixel === null) return null;
  const mean = Math.sqrt(micronsPerPixel.x * micronsPerPixel.y);
  return { x: mean, y: mean };
}

function contradiction(told: MicronsPerPixel | null, given: number | undefined): string[] {
  if (told === null || given === undefined || Math.abs(given / told.x - 1) <= SAME_RESOLUTION) return [];
  return [`the file tells ${told.x} µm per pixel, \`mpp: ${given}\`; the file's is used`];
}

async function fingerprint(path: string): Promise<SegmentationSettings["slide"]> {
  const { size, changed, served } = await slideFileVersion(path);
  const modified = changed === null ? `${served}` : new Date(changed).toISOString();
  return { name: basename(path), bytes: size, modified };
}

/** What decides a slide's patches, so that a killed call goes on with them; how outlines are drawn does not. */
export function patchIdentity({ outlines: _, ...settings }: SegmentationSettings): string {
  return JSON.stringify(settings);
}
