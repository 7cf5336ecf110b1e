// Chrominance is enlarged with libjpeg's triangle filter ("fancy upsampling"), and YCbCr becomes RGB with its whole
// numbers (jdsample.c, jdcolor.c), so that every sample equals libjpeg's.

import { Frame, Memory, Part, plane } from "./frame";

/** Bytes before a row of samples, so that the first has a neighbour. */
const MARGIN: usize = 16;
/** Row of 16-bit sums or 8-bit samples with margins, of at most this many. */
const WIDEST: usize = 8192;
const ROW: usize = memory.data(2 * 8192 + 64, 16);

/** Widest picture whose rows fit. */
export const MOST_COLUMNS: i32 = 2 * 8192 - 64;

@inline
function bytes8(at: usize): v128 {
  return v128.load_ext<u8>(at);
}

/** The even ones of 16 samples and the odd ones, in turn. */
@inline
function inTurn(even: v128, odd: v128): v128 {
  return v128.or(even, i16x8.shl(odd, 8));
}

/** Twice as wide: three parts of the nearer sample and one of the farther (`h2v1_fancy_upsample`). */
function enlargeRow(source: usize, count: usize, target: usize): void {
  const row = ROW + MARGIN;
  memory.copy(row, source, count);
  store<u8>(row - 1, load<u8>(row));
  store<u8>(row + count, load<u8>(row + count - 1));
  const three = i16x8.splat(3);
  for (let at: usize = 0; at < count; at += 8) {
    const near = i16x8.mul(bytes8(row + at), three);
    const even = i16x8.shr_u(i16x8.add(i16x8.add(near, bytes8(row + at - 1)), i16x8.splat(1)), 2);
    const odd = i16x8.shr_u(i16x8.add(i16x8.add(near, bytes8(row + at + 1)), i16x8.splat(2)), 2);
    v128.store(target + 2 * at, inTurn(even, odd));
  }
}

/** Twice as wide and high: the same filter in both directions (`h2v2_fancy_upsample`). */
function enlargeRows(nearer: usize, farther: usize, count: usize, target: usize): void {
  const row = ROW + MARGIN;
  const three = i16x8.splat(3);
  for (let at: usize = 0; at < count; at += 8) {
    v128.store(row + 2 * at, i16x8.add(i16x8.mul(bytes8(nearer + at), three), bytes8(farther + at)));
  }
  store<i16>(row - 2, load<i16>(row));
  store<i16>(row + 2 * count, load<i16>(row + 2 * count - 2));
  for (let at: usize = 0; at < count; at += 8) {
    const place = row + 2 * at;
    const near = i16x8.mul(v128.load(place), three);
    const even = i16x8.shr_u(i16x8.add(i16x8.add(near, v128.load(place - 2)), i16x8.splat(8)), 4);
    const odd = i16x8.shr_u(i16x8.add(i16x8.add(near, v128.load(place + 2)), i16x8.splat(7)), 4);
    v128.store(target + 2 * at, inTurn(even, odd));
  }
}

/** Where the part's pixels of a row of chrominance stand; enlarged at `target` where that is needed. */
function chromaRow(component: i32, y: i32, target: usize): usize {
  const source = plane(component);
  const stride = Memory.chromaStride;
  const left = <usize>Part.left;
  if (Frame.horizontal == 1) return source + <usize>y * stride + left;
  const columns = (Frame.width + 1) >> 1;
  // With a neighbour on both sides, unless the picture ends there.
  const first = <usize>max(0, (Part.left >> 1) - 1);
  const count = <usize>min(columns, ((Part.right + 1) >> 1) + 1) - first;
  const pixels = target + left - 2 * first;
  if (Frame.vertical == 1) {
    enlargeRow(source + <usize>y * stride + first, count, target);
    return pixels;
  }
  const rows = (Frame.height + 1) >> 1;
  const nearer = y >> 1;
  let farther = (y & 1) == 0 ? nearer - 1 : nearer + 1;
  if (farther < 0) farther = 0;
  if (farther >= rows) farther = rows - 1;
  const corner = source + first;
  enlargeRows(corner + <usize>nearer * stride, corner + <usize>farther * stride, count, target);
  return pixels;
}

/** (a · i + b · j + 2^15) / 2^16 for the pairs i, j of the halves, which are whole numbers of 16 bits. */
@inline
function weighted(lower: v128, upper: v128, factors: v128): v128 {
  const round = i32x4.splat(1 << 15);
  return i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(lower, factors), round), 16),
    i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(upper, factors), round), 16),
  );
}

/** Eight pixels of three samples each, 24 bytes. */
@inline
function putPixels(target: usize, redGreen: v128, blue: v128): void {
  v128.store(
    target,
    v128.shuffle<u8>(redGreen, blue, 0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5),
  );
  v128.store64_lane(
    target + 16,
    v128.shuffle<u8>(redGreen, blue, 13, 21, 6, 14, 22, 7, 15, 23, 0, 0, 0, 0, 0, 0, 0, 0),
    0,
  );
}

/**
 * Rows of YCbCr as RGB: red is Y + 1.402 Cr, green Y − 0.34414 Cb − 0.71414 Cr, blue Y + 1.772 Cb. Factors of 2^16 do
 * not fit into 16 bits, so whole parts are added: 1.402 = 1 + 26345, 0.71414 = 1 − 18734, 1.772 = 2 − 14942.
 */
function convertRow(luma: usize, blues: usize, reds: usize, count: usize, target: usize): void {
  const middle = i16x8.splat(128);
  const redFactors = i32x4.splat(26345 << 16);
  const greenFactors = i32x4.splat((18734 << 16) | (-22554 & 0xffff));
  const blueFactors = i32x4.splat(-14942 & 0xffff);
  for (let at: usize = 0; at < count; at += 8, target += 24) {
    const y = bytes8(luma + at);
    const cb = i16x8.sub(bytes8(blues + at), middle);
    const cr = i16x8.sub(bytes8(reds + at), middle);
    const lower = v128.shuffle<i16>(cb, cr, 0, 8, 1, 9, 2, 10, 3, 11);
    const upper = v128.shuffle<i16>(cb, cr, 4, 12, 5, 13, 6, 14, 7, 15);
    const red = i16x8.add(i16x8.add(y, cr), weighted(lower, upper, redFactors));
    const green = i16x8.add(i16x8.sub(y, cr), weighted(lower, upper, greenFactors));
    const blue = i16x8.add(i16x8.add(y, i16x8.shl(cb, 1)), weighted(lower, upper, blueFactors));
    putPixels(target, i8x16.narrow_i16x8_u(red, green), i8x16.narrow_i16x8_u(blue, blue));
  }
}

/** Rows of three planes in turn. */
function joinRow(reds: usize, greens: usize, blues: usize, count: usize, target: usize): void {
  for (let at: usize = 0; at < count; at += 8, target += 24) {
    const redGreen = v128.load64_lane(greens + at, v128.load64_zero(reds + at), 1);
    putPixels(target, redGreen, v128.load64_zero(blues + at));
  }
}

/** Writes the part's pixels from the planes. */
export function writePixels(): void {
  const count = <usize>(Part.right - Part.left);
  const rowBytes = count * <usize>Frame.components;
  const secondRow = Memory.rows + 2 * WIDEST + 64;
  let target = Memory.output;
  for (let y = Part.top; y < Part.bottom; y++, target += rowBytes) {
    const first = plane(0) + <usize>y * Memory.lumaStride + <usize>Part.left;
    if (Frame.components == 1) {
      memory.copy(target, first, count);
      continue;
    }
    const second = chromaRow(1, y, Memory.rows);
    const third = chromaRow(2, y, secondRow);
    if (Frame.isYcc) convertRow(first, second, third, count, target);
    else joinRow(first, second, third, count, target);
  }
}
