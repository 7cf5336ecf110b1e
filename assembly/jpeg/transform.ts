// The inverse discrete cosine transform of libjpeg ("islow"): Loeffler, Ligtenberg and Moschytz 1989 in whole numbers,
// with its constants of 13 bits and its rounding, so that every sample equals libjpeg's.

import { add, dot, high, highBytes, low, lowBytes, pair, subtract } from "./vectors";

/** A block of 64 numbers of 16 bits. */
const BETWEEN: usize = memory.data(128, 16);
/** Four columns of 32 bits, until the others are there. */
const LEFT: usize = memory.data(128, 16);

const FIRST_SHIFT: i32 = 11;
const SECOND_SHIFT: i32 = 18;

// Constants scaled by 2^13.
const F_0_298: i16 = 2446;
const F_0_390: i16 = 3196;
const F_0_541: i16 = 4433;
const F_0_765: i16 = 6270;
const F_0_899: i16 = 7373;
const F_1_175: i16 = 9633;
const F_1_501: i16 = 12299;
const F_1_847: i16 = 15137;
const F_1_961: i16 = 16069;
const F_2_053: i16 = 16819;
const F_2_562: i16 = 20995;
const F_3_072: i16 = 25172;

/** Numbers of 16 bits times 2^13, four of the eight. */
@inline
function lowScaled(values: v128): v128 {
  return i32x4.shr_s(low(i64x2.splat(0), values), 3);
}

@inline
function highScaled(values: v128): v128 {
  return i32x4.shr_s(high(i64x2.splat(0), values), 3);
}

/** Keeps four of eight results of a pass, rounded and shifted; the right ones complete a row of 16 bits. */
@inline
function put(index: usize, values: v128, shift: i32, isRight: bool): void {
  const cut = i32x4.shr_s(values, shift);
  if (isRight) v128.store(BETWEEN + index, i16x8.narrow_i32x4_s(v128.load(LEFT + index), cut));
  else v128.store(LEFT + index, cut);
}

@inline
function putAll(
  even0: v128,
  even1: v128,
  even2: v128,
  even3: v128,
  odd0: v128,
  odd1: v128,
  odd2: v128,
  odd3: v128,
  shift: i32,
  isRight: bool,
): void {
  const sum0 = add(even0, even3);
  const sum3 = subtract(even0, even3);
  const sum1 = add(even1, even2);
  const sum2 = subtract(even1, even2);
  put(0, add(sum0, odd3), shift, isRight);
  put(7 * 16, subtract(sum0, odd3), shift, isRight);
  put(16, add(sum1, odd2), shift, isRight);
  put(6 * 16, subtract(sum1, odd2), shift, isRight);
  put(2 * 16, add(sum2, odd1), shift, isRight);
  put(5 * 16, subtract(sum2, odd1), shift, isRight);
  put(3 * 16, add(sum3, odd0), shift, isRight);
  put(4 * 16, subtract(sum3, odd0), shift, isRight);
}

/**
 * Four columns of a pass: what is made of the inputs 0 and 4 and of the inputs 2 and 6 gives the even part, the
 * pairs of the others the odd part.
 */
@inline
function half(
  sum04: v128,
  difference04: v128,
  pair26: v128,
  pair71: v128,
  pair53: v128,
  pairOfSums: v128,
  shift: i32,
  isRight: bool,
): void {
  const round = i32x4.splat(1 << (shift - 1));
  const z3 = dot(pairOfSums, pair(F_1_175 - F_1_961, F_1_175));
  const z4 = dot(pairOfSums, pair(F_1_175, F_1_175 - F_0_390));
  putAll(
    add(sum04, round),
    add(difference04, round),
    dot(pair26, pair(F_0_541, F_0_541 - F_1_847)),
    dot(pair26, pair(F_0_541 + F_0_765, F_0_541)),
    add(dot(pair71, pair(F_0_298 - F_0_899, -F_0_899)), z3),
    add(dot(pair53, pair(F_2_053 - F_2_562, -F_2_562)), z4),
    add(dot(pair53, pair(-F_2_562, F_3_072 - F_2_562)), z3),
    add(dot(pair71, pair(-F_0_899, F_1_501 - F_0_899)), z4),
    shift,
    isRight,
  );
}

/** The same where the inputs 4 to 7 are zero. */
@inline
function halfOfFour(scaled0: v128, pair20: v128, pair31: v128, shift: i32, isRight: bool): void {
  const even = add(scaled0, i32x4.splat(1 << (shift - 1)));
  putAll(
    even,
    even,
    dot(pair20, pair(F_0_541, 0)),
    dot(pair20, pair(F_0_541 + F_0_765, 0)),
    dot(pair31, pair(F_1_175 - F_1_961, F_1_175 - F_0_899)),
    dot(pair31, pair(F_1_175 - F_2_562, F_1_175 - F_0_390)),
    dot(pair31, pair(F_1_175 - F_1_961 + F_3_072 - F_2_562, F_1_175)),
    dot(pair31, pair(F_1_175, F_1_175 - F_0_390 + F_1_501 - F_0_899)),
    shift,
    isRight,
  );
}

/** One pass over the eight columns; `in0` to `in7` are the rows. Its rows are in BETWEEN. */
@inline
function pass(
  in0: v128,
  in1: v128,
  in2: v128,
  in3: v128,
  in4: v128,
  in5: v128,
  in6: v128,
  in7: v128,
  shift: i32,
): void {
  const sum = i16x8.add(in0, in4);
  const difference = i16x8.sub(in0, in4);
  const sum73 = i16x8.add(in7, in3);
  const sum51 = i16x8.add(in5, in1);
  half(
    lowScaled(sum),
    lowScaled(difference),
    low(in2, in6),
    low(in7, in1),
    low(in5, in3),
    low(sum73, sum51),
    shift,
    false,
  );
  half(
    highScaled(sum),
    highScaled(difference),
    high(in2, in6),
    high(in7, in1),
    high(in5, in3),
    high(sum73, sum51),
    shift,
    true,
  );
}

@inline
function row(block: usize, index: usize): v128 {
  return v128.load(block + (index << 4));
}

/** A row of coefficients times its quantisation steps. */
@inline
function scaledRow(block: usize, steps: usize, index: usize): v128 {
  return i16x8.mul(row(block, index), row(steps, index));
}

/** Two columns as samples from 0 to 255. */
@inline
function samples(one: usize, other: usize): v128 {
  return v128.xor(i8x16.narrow_i16x8_s(row(BETWEEN, one), row(BETWEEN, other)), i8x16.splat(-128));
}

/** Writes the columns of pixels in BETWEEN as rows of samples. */
@inline
function putTurned(target: usize, stride: usize): void {
  const columns04 = samples(0, 4);
  const columns15 = samples(1, 5);
  const columns26 = samples(2, 6);
  const columns37 = samples(3, 7);
  const columns01 = lowBytes(columns04, columns15);
  const columns45 = highBytes(columns04, columns15);
  const columns23 = lowBytes(columns26, columns37);
  const columns67 = highBytes(columns26, columns37);
  const upperLeft = low(columns01, columns23);
  const lowerLeft = high(columns01, columns23);
  const upperRight = low(columns45, columns67);
  const lowerRight = high(columns45, columns67);
  const rows01 = v128.shuffle<u32>(upperLeft, upperRight, 0, 4, 1, 5);
  const rows23 = v128.shuffle<u32>(upperLeft, upperRight, 2, 6, 3, 7);
  const rows45 = v128.shuffle<u32>(lowerLeft, lowerRight, 0, 4, 1, 5);
  const rows67 = v128.shuffle<u32>(lowerLeft, lowerRight, 2, 6, 3, 7);
  v128.store64_lane(target, rows01, 0);
  v128.store64_lane(target + stride, rows01, 1);
  v128.store64_lane(target + 2 * stride, rows23, 0);
  v128.store64_lane(target + 3 * stride, rows23, 1);
  v128.store64_lane(target + 4 * stride, rows45, 0);
  v128.store64_lane(target + 5 * stride, rows45, 1);
  v128.store64_lane(target + 6 * stride, rows67, 0);
  v128.store64_lane(target + 7 * stride, rows67, 1);
}

/** The 8 × 8 samples of a block of coefficients. */
export function transform(block: usize, steps: usize, target: usize, stride: usize): void {
  pass(
    scaledRow(block, steps, 0),
    scaledRow(block, steps, 1),
    scaledRow(block, steps, 2),
    scaledRow(block, steps, 3),
    scaledRow(block, steps, 4),
    scaledRow(block, steps, 5),
    scaledRow(block, steps, 6),
    scaledRow(block, steps, 7),
    FIRST_SHIFT,
  );
  // Rows become columns.
  const a0 = low(row(BETWEEN, 0), row(BETWEEN, 4));
  const a1 = high(row(BETWEEN, 0), row(BETWEEN, 4));
  const a2 = low(row(BETWEEN, 1), row(BETWEEN, 5));
  const a3 = high(row(BETWEEN, 1), row(BETWEEN, 5));
  const a4 = low(row(BETWEEN, 2), row(BETWEEN, 6));
  const a5 = high(row(BETWEEN, 2), row(BETWEEN, 6));
  const a6 = low(row(BETWEEN, 3), row(BETWEEN, 7));
  const a7 = high(row(BETWEEN, 3), row(BETWEEN, 7));
  const b0 = low(a0, a4);
  const b1 = high(a0, a4);
  const b2 = low(a1, a5);
  const b3 = high(a1, a5);
  const b4 = low(a2, a6);
  const b5 = high(a2, a6);
  const b6 = low(a3, a7);
  const b7 = high(a3, a7);
  pass(
    low(b0, b4),
    high(b0, b4),
    low(b1, b5),
    high(b1, b5),
    low(b2, b6),
    high(b2, b6),
    low(b3, b7),
    high(b3, b7),
    SECOND_SHIFT,
  );
  putTurned(target, stride);
}

/** The last place in zigzag order up to which all lies in the first four rows and columns. */
export const LAST_OF_FOUR: i32 = 9;

/** The samples of a block whose coefficients are zero after {@link LAST_OF_FOUR}. */
export function transformFour(block: usize, steps: usize, target: usize, stride: usize): void {
  const zero = i64x2.splat(0);
  const in2 = scaledRow(block, steps, 2);
  const in1 = scaledRow(block, steps, 1);
  const in3 = scaledRow(block, steps, 3);
  halfOfFour(lowScaled(scaledRow(block, steps, 0)), low(in2, zero), low(in3, in1), FIRST_SHIFT, false);
  const rows01 = i16x8.narrow_i32x4_s(row(LEFT, 0), row(LEFT, 1));
  const rows23 = i16x8.narrow_i32x4_s(row(LEFT, 2), row(LEFT, 3));
  const rows45 = i16x8.narrow_i32x4_s(row(LEFT, 4), row(LEFT, 5));
  const rows67 = i16x8.narrow_i32x4_s(row(LEFT, 6), row(LEFT, 7));
  const even03 = low(rows01, rows23);
  const odd03 = high(rows01, rows23);
  const even47 = low(rows45, rows67);
  const odd47 = high(rows45, rows67);
  const upper01 = low(even03, odd03);
  const upper23 = high(even03, odd03);
  const lower01 = low(even47, odd47);
  const lower23 = high(even47, odd47);
  const column0 = v128.shuffle<u64>(upper01, lower01, 0, 2);
  const column1 = v128.shuffle<u64>(upper01, lower01, 1, 3);
  const column2 = v128.shuffle<u64>(upper23, lower23, 0, 2);
  const column3 = v128.shuffle<u64>(upper23, lower23, 1, 3);
  halfOfFour(lowScaled(column0), low(column2, zero), low(column3, column1), SECOND_SHIFT, false);
  halfOfFour(highScaled(column0), high(column2, zero), high(column3, column1), SECOND_SHIFT, true);
  putTurned(target, stride);
}

/** The samples of a block whose first coefficient alone is not zero: what both passes make of it. */
export function transformFlat(block: usize, steps: usize, target: usize, stride: usize): void {
  const scaled = <i32>(<i16>(<i32>load<i16>(block) * <i32>load<i16>(steps)));
  const level = ((scaled + 4) >> 3) + 128;
  const sample = level < 0 ? 0 : level > 255 ? 255 : level;
  const bytes = i8x16.splat(<i8>sample);
  for (let line = 0; line < 8; line++, target += stride) v128.store64_lane(target, bytes, 0);
}
