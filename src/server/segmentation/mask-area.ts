import type { Area, Box, Position } from "../../contract/index.js";
import { resizeFloatMap } from "../../imaging/index.js";
import { rasterOf, traceFoci } from "../../inference/index.js";

/** Areas of fewer pixels of the logits than this are specks that nobody means. */
const LEAST_PIXELS = 16;

/**
 * The foreground of logits as an area of the slide: outlines through the middles of the patch's pixel edges,
 * simplified to half a pixel.
 * @param logits square over the whole patch, above 0 for foreground
 * @param box what the patch covers
 */
export async function areaOfLogits(logits: Float32Array, patchSize: number, box: Box): Promise<Area> {
  const side = Math.round(Math.sqrt(logits.length));
  const resized = resizeFloatMap({ width: side, height: side, data: logits }, patchSize, patchSize);
  const data = Uint8Array.from(resized.data, (logit) => (logit > 0 ? 255 : 0));
  const raster = rasterOf({ width: patchSize, height: patchSize, data });
  const foci = await traceFoci(raster, {
    micronsPerPixel: null,
    minimumArea: LEAST_PIXELS * (patchSize / side) ** 2,
  });
  const [scaleX, scaleY] = [box.width / patchSize, box.height / patchSize];
  const ringOf = ({ coordinates }: { readonly coordinates: Float64Array }): Position[] => {
    const ring: Position[] = [];
    for (let at = 0; at <= coordinates.length; at += 2) {
      const vertex = at % coordinates.length;
      ring.push([
        box.x + (coordinates[vertex] ?? 0) * scaleX,
        box.y + (coordinates[vertex + 1] ?? 0) * scaleY,
      ]);
    }
    return ring;
  };
  return {
    type: "MultiPolygon",
    coordinates: foci.map(({ polygon }) => [ringOf(polygon.outer), ...polygon.holes.map(ringOf)]),
  };
}
