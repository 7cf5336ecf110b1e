// Chrominance is enlarged with libjpeg's triangle filter ("fancy upsampling"), and YCbCr becomes RGB with its whole
// numbers (jdsample.c, jdcolor.c), so that every sample equals libjpeg's. Sixteen pixels at a time, in registers.

import { Frame, Memory, Part, plane } from "./frame";
import { add, dot, high, highBytes, low, lowBytes, pair } from "./vectors";

/** Pixels that are made together. */
export const GROUP: i32 = 16;
/** Their bytes. */
const GROUP_BYTES: usize = 48;

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
@inline
function enlargeAcross(at: usize): v128 {
  const near = i16x8.mul(bytes8(at), i16x8.splat(3));
  const even = i16x8.shr_u(i16x8.add(i16x8.add(near, bytes8(at - 1)), i16x8.splat(1)), 2);
  const odd = i16x8.shr_u(i16x8.add(i16x8.add(near, bytes8(at + 1)), i16x8.splat(2)), 2);
  return inTurn(even, odd);
}

@inline
function downwards(nearer: usize, farther: usize): v128 {
  return i16x8.add(i16x8.mul(bytes8(nearer), i16x8.splat(3)), bytes8(farther));
}

/** The vector one number of 16 bits before the second, the last of the first at its beginning. */
@inline
function shifted(before: v128, values: v128): v128 {
  return v128.shuffle<u8>(before, values, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
}

/** One number of 16 bits after the first, the first of the second at its end. */
@inline
function shiftedBack(values: v128, after: v128): v128 {
  return v128.shuffle<u8>(values, after, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
}

/** Twice as wide and high: the same filter in both directions (`h2v2_fancy_upsample`), of sums from {@link downwards}. */
@inline
function enlargeBoth(before: v128, sums: v128, after: v128): v128 {
  const near = i16x8.mul(sums, i16x8.splat(3));
  const even = i16x8.shr_u(i16x8.add(i16x8.add(near, shifted(before, sums)), i16x8.splat(8)), 4);
  const odd = i16x8.shr_u(i16x8.add(i16x8.add(near, shiftedBack(sums, after)), i16x8.splat(7)), 4);
  return inTurn(even, odd);
}

/** Green less luminance and plus Cr, of which 1 is taken: (−22554 Cb + 18734 Cr + 2^15) / 2^16. */
@inline
function greenOf(cb: v128, cr: v128): v128 {
  const factors = pair(-22554, 18734);
  const round = i32x4.splat(1 << 15);
  return i16x8.narrow_i32x4_s(
    i32x4.shr_s(add(dot(low(cb, cr), factors), round), 16),
    i32x4.shr_s(add(dot(high(cb, cr), factors), round), 16),
  );
}

/**
 * Red is Y + 1.402 Cr, less the whole part 26345/65536 Cr. Half that factor, rounded, times any Cr gives the same whole
 * numbers as libjpeg's 2^16ths; so does blue's −14942/65536.
 */
@inline
function redOf(cr: v128): v128 {
  return i16x8.add(cr, i16x8.q15mulr_sat_s(cr, i16x8.splat(13173)));
}

/** Blue is Y + 1.772 Cb = Y + 2 Cb − 14942/65536 Cb. */
@inline
function blueOf(cb: v128): v128 {
  return i16x8.add(i16x8.shl(cb, 1), i16x8.q15mulr_sat_s(cb, i16x8.splat(-7471)));
}

/** Writes 16 pixels of three samples each, and 4 bytes more. */
@inline
function putPixels(target: usize, red: v128, green: v128, blue: v128): void {
  const three = i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const redGreen0 = lowBytes(red, green);
  const redGreen8 = highBytes(red, green);
  const blue0 = lowBytes(blue, blue);
  const blue8 = highBytes(blue, blue);
  v128.store(target, i8x16.swizzle(low(redGreen0, blue0), three));
  v128.store(target + 12, i8x16.swizzle(high(redGreen0, blue0), three));
  v128.store(target + 24, i8x16.swizzle(low(redGreen8, blue8), three));
  v128.store(target + 36, i8x16.swizzle(high(redGreen8, blue8), three));
}

/** Writes 16 pixels of YCbCr as RGB. */
@inline
function convert(target: usize, luma: v128, blues: v128, reds: v128): void {
  const middle = i8x16.splat(-128);
  const signedBlues = v128.xor(blues, middle);
  const signedReds = v128.xor(reds, middle);
  const y0 = i16x8.extend_low_i8x16_u(luma);
  const y8 = i16x8.extend_high_i8x16_u(luma);
  const cb0 = i16x8.extend_low_i8x16_s(signedBlues);
  const cb8 = i16x8.extend_high_i8x16_s(signedBlues);
  const cr0 = i16x8.extend_low_i8x16_s(signedReds);
  const cr8 = i16x8.extend_high_i8x16_s(signedReds);
  putPixels(
    target,
    i8x16.narrow_i16x8_u(i16x8.add(y0, redOf(cr0)), i16x8.add(y8, redOf(cr8))),
    i8x16.narrow_i16x8_u(
      i16x8.add(i16x8.sub(y0, cr0), greenOf(cb0, cr0)),
      i16x8.add(i16x8.sub(y8, cr8), greenOf(cb8, cr8)),
    ),
    i8x16.narrow_i16x8_u(i16x8.add(y0, blueOf(cb0)), i16x8.add(y8, blueOf(cb8))),
  );
}

/** Rows with chrominance of half the width and height. */
function writeRow420(y: i32, first: i32, last: i32, target: usize): void {
  const stride = Memory.chromaStride;
  const rows = (Frame.height + 1) >> 1;
  const nearerRow = y >> 1;
  const fartherRow = min(max((y & 1) == 0 ? nearerRow - 1 : nearerRow + 1, 0), rows - 1);
  const nearer = plane(1) + <usize>nearerRow * stride;
  const farther = plane(1) + <usize>fartherRow * stride;
  const toReds = Memory.chromaBytes;
  const luma = plane(0) + <usize>y * Memory.lumaStride;
  let near = nearer + <usize>(first >> 1);
  let far = farther + <usize>(first >> 1);
  let bluesBefore = downwards(near - 8, far - 8);
  let redsBefore = downwards(near - 8 + toReds, far - 8 + toReds);
  let blues = downwards(near, far);
  let reds = downwards(near + toReds, far + toReds);
  for (let x = <usize>first; x < <usize>last; x += GROUP, target += GROUP_BYTES) {
    near += 8;
    far += 8;
    const bluesAfter = downwards(near, far);
    const redsAfter = downwards(near + toReds, far + toReds);
    convert(
      target,
      v128.load(luma + x),
      enlargeBoth(bluesBefore, blues, bluesAfter),
      enlargeBoth(redsBefore, reds, redsAfter),
    );
    bluesBefore = blues;
    blues = bluesAfter;
    redsBefore = reds;
    reds = redsAfter;
  }
}

/** Rows with chrominance of half the width. */
function writeRow422(y: i32, first: i32, last: i32, target: usize): void {
  const blues = plane(1) + <usize>y * Memory.chromaStride;
  const reds = blues + Memory.chromaBytes;
  const luma = plane(0) + <usize>y * Memory.lumaStride;
  for (let x = <usize>first; x < <usize>last; x += GROUP, target += GROUP_BYTES) {
    const at = x >> 1;
    convert(target, v128.load(luma + x), enlargeAcross(blues + at), enlargeAcross(reds + at));
  }
}

/** Rows of three planes of one size, YCbCr or RGB. */
function writeRow444(y: i32, first: i32, last: i32, target: usize): void {
  const second = plane(1) + <usize>y * Memory.chromaStride;
  const third = second + Memory.chromaBytes;
  const luma = plane(0) + <usize>y * Memory.lumaStride;
  for (let x = <usize>first; x < <usize>last; x += GROUP, target += GROUP_BYTES) {
    if (Frame.isYcc) convert(target, v128.load(luma + x), v128.load(second + x), v128.load(third + x));
    else putPixels(target, v128.load(luma + x), v128.load(second + x), v128.load(third + x));
  }
}

/** Gives the first and last sample of each row of chrominance a neighbour of the same value. */
function extendChroma(): void {
  const columns = <usize>((Frame.width + 1) >> 1);
  const vertical = Frame.vertical - 1;
  const lastRow = ((Frame.height + vertical) >> vertical) - 1;
  const from = max(0, (Part.top >> vertical) - 1);
  const to = min(lastRow, ((Part.bottom - 1) >> vertical) + 1);
  for (let component = 1; component < 3; component++) {
    let row = plane(component) + <usize>from * Memory.chromaStride;
    for (let y = from; y <= to; y++, row += Memory.chromaStride) {
      store<u8>(row - 1, load<u8>(row));
      store<u8>(row + columns, load<u8>(row + columns - 1));
    }
  }
}

/** The first of the pixels that are made of each row; those from there to the part are beside it. */
@inline
export function firstMade(): i32 {
  return Part.left & ~(GROUP - 1);
}

/** Writes the part's pixels from the planes; grey ones are there. */
export function writePixels(): void {
  if (Frame.components == 1) return;
  if (Frame.horizontal == 2) extendChroma();
  const first = firstMade();
  const last = Part.right;
  let target = Memory.output;
  for (let y = Part.top; y < Part.bottom; y++, target += Memory.outputStride) {
    if (Frame.horizontal == 1) writeRow444(y, first, last, target);
    else if (Frame.vertical == 1) writeRow422(y, first, last, target);
    else writeRow420(y, first, last, target);
  }
}
