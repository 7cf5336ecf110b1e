import type { Mask, RgbImage } from "../../imaging/index.js";
import type { BorderRule } from "./options.js";

/** The top left corner of a patch in pixels. */
export interface PatchPosition {
  readonly x: number;
  readonly y: number;
}

/**
 * Corners of the patches along one axis: every `stride` pixels from 0, and with `align` one more flush with the
 * far border when the last patch does not reach it. Empty when `extent < patchSize`.
 */
export function latticeAlong(
  extent: number,
  patchSize: number,
  stride: number,
  border: BorderRule,
): number[] {
  const starts: number[] = [];
  const last = extent - patchSize;
  for (let start = 0; start <= last; start += stride) starts.push(start);
  if (border === "align" && last >= 0 && last % stride !== 0) starts.push(last);
  return starts;
}

/** Corners of all patches of an image, row by row. */
export function patchLattice(
  size: { readonly width: number; readonly height: number },
  rule: { readonly patchSize: number; readonly stride: number; readonly border: BorderRule },
): PatchPosition[] {
  const columns = latticeAlong(size.width, rule.patchSize, rule.stride, rule.border);
  const rows = latticeAlong(size.height, rule.patchSize, rule.stride, rule.border);
  return rows.flatMap((y) => columns.map((x) => ({ x, y })));
}

/** Foreground pixels of a patch divided by all its pixels, in [0, 1]. */
export function foregroundFraction(mask: Mask, position: PatchPosition, patchSize: number): number {
  let foreground = 0;
  for (let row = position.y; row < position.y + patchSize; row++) {
    const start = row * mask.width + position.x;
    for (const value of mask.data.subarray(start, start + patchSize)) foreground += value;
  }
  return foreground / (patchSize * patchSize);
}

/** The patch of an image, `patchSize` × `patchSize`. */
export function cutImage(image: RgbImage, position: PatchPosition, patchSize: number): RgbImage {
  return { width: patchSize, height: patchSize, data: cutRows(image, position, patchSize, 3) };
}

/** The patch of a mask, `patchSize` × `patchSize`. */
export function cutMask(mask: Mask, position: PatchPosition, patchSize: number): Mask {
  return { width: patchSize, height: patchSize, data: cutRows(mask, position, patchSize, 1) };
}

function cutRows(
  source: { readonly width: number; readonly data: Uint8Array },
  position: PatchPosition,
  patchSize: number,
  channels: number,
): Uint8Array {
  const rowLength = patchSize * channels;
  const cut = new Uint8Array(patchSize * rowLength);
  for (let row = 0; row < patchSize; row++) {
    const start = ((position.y + row) * source.width + position.x) * channels;
    cut.set(source.data.subarray(start, start + rowLength), row * rowLength);
  }
  return cut;
}
