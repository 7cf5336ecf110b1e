import { EpSamError } from "../../common/index.js";
import type { Box } from "../../contract/index.js";
import { type PatchGeometry, readArea } from "../../dataset/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { cutPatch } from "../../inference/index.js";
import type { PixelSource } from "../../slides/index.js";

/** Level-0 pixels per patch pixel, at the finest: more enlargement invents detail. */
const LEAST_PIXEL = 1 / 8;
/** Most pixels of a level that are read for one patch; 192 MiB of RGB. */
const MOST_PIXELS = 2 ** 26;
/** Share of a patch's pixel by which its resolution may differ from a level's and still be taken as it is. */
const EXACT = 0.5;

/** What a segmenter says about its patches. */
export interface PatchKind {
  readonly patchSize: number;
  /** Microns per pixel; null where unknown. */
  readonly patchMpp: number | null;
}

/** Where a patch lies on a slide and how it is read. */
export interface PatchPlacement {
  readonly geometry: PatchGeometry;
  readonly box: Box;
}

/**
 * The patch around a position. Its pixels are those of the segmenter's resolution, or as large as `side` makes them;
 * it is moved so that it lies on the slide where it fits.
 * @param side of the patch in level-0 pixels
 * @throws EpSamError `usage` when the centre is outside the slide or the patch would be too fine or too large to read
 */
export function placePatch(
  source: Pick<PixelSource, "levels" | "micronsPerPixel" | "path">,
  kind: PatchKind,
  centre: { readonly x: number; readonly y: number },
  side?: number,
): PatchPlacement {
  const [full] = source.levels;
  if (full === undefined) throw new EpSamError("slide", { what: "has no levels", where: source.path });
  if (!(centre.x >= 0 && centre.y >= 0 && centre.x <= full.width && centre.y <= full.height)) {
    throw refused(
      `there is nothing of the slide at ${centre.x}, ${centre.y}`,
      "Ask for a place on the slide.",
    );
  }
  const geometry = geometryOf(source, kind, side);
  const { pixelSize, patchSize, downsample } = geometry;
  const along = (middle: number, pixel: number, extent: number) => {
    const length = pixel * patchSize;
    const start = Math.max(0, Math.min(middle - length / 2, extent - length));
    // On a pixel of the level, so that a patch at its resolution is read without resampling.
    return Math.floor(start / downsample) * downsample;
  };
  return {
    geometry,
    box: {
      space: "level-0",
      x: along(centre.x, pixelSize.x, full.width),
      y: along(centre.y, pixelSize.y, full.height),
      width: pixelSize.x * patchSize,
      height: pixelSize.y * patchSize,
    },
  };
}

/**
 * The pixels of a patch; on a slide that is smaller than it they are continued by mirroring.
 * @throws EpSamError `slide` when the file is damaged there; the signal's reason when aborted
 */
export async function readPatchAt(
  source: PixelSource,
  { geometry, box }: PatchPlacement,
  signal?: AbortSignal,
): Promise<RgbImage> {
  const { patchSize, pixelSize } = geometry;
  const [full] = source.levels;
  const within = (extent = 0, pixel = 1) => Math.max(1, Math.min(patchSize, Math.floor(extent / pixel)));
  const size = { width: within(full?.width, pixelSize.x), height: within(full?.height, pixelSize.y) };
  const image = await readArea(source, box, size, geometry, signal);
  const isWhole = size.width === patchSize && size.height === patchSize;
  return isWhole ? image : cutPatch(image, 0, 0, patchSize);
}

function geometryOf(
  { levels, micronsPerPixel }: Pick<PixelSource, "levels" | "micronsPerPixel">,
  { patchSize, patchMpp }: PatchKind,
  side: number | undefined,
): PatchGeometry {
  const pixelSize = pixelSizeOf(micronsPerPixel, patchSize, patchMpp, side);
  const scale = Math.min(pixelSize.x, pixelSize.y);
  const index = Math.max(
    0,
    levels.findLastIndex(({ downsample }) => downsample <= scale * (1 + EXACT / patchSize)),
  );
  const downsample = levels[index]?.downsample ?? 1;
  const pixels = (patchSize / downsample) ** 2 * pixelSize.x * pixelSize.y;
  if (!(scale >= LEAST_PIXEL && pixels <= MOST_PIXELS)) {
    throw refused(
      `a patch of ${Math.round(patchSize * pixelSize.x)} level-0 pixels a side cannot be read`,
      "Zoom in or out and try again.",
    );
  }
  const isExact = [pixelSize.x, pixelSize.y].every(
    (size) => Math.abs(size / downsample - 1) * patchSize < EXACT,
  );
  return {
    patchSize,
    level: index,
    downsample,
    pixelSize: isExact ? { x: downsample, y: downsample } : pixelSize,
    mpp: patchMpp,
  };
}

/** Level-0 pixels per patch pixel; 1 where the slide or the segmenter has no microns per pixel. */
function pixelSizeOf(
  micronsPerPixel: PixelSource["micronsPerPixel"],
  patchSize: number,
  patchMpp: number | null,
  side: number | undefined,
): { readonly x: number; readonly y: number } {
  if (side !== undefined) return { x: side / patchSize, y: side / patchSize };
  if (micronsPerPixel === null || patchMpp === null) return { x: 1, y: 1 };
  return { x: patchMpp / micronsPerPixel.x, y: patchMpp / micronsPerPixel.y };
}

function refused(what: string, action: string): EpSamError {
  return new EpSamError("usage", { what, action });
}
