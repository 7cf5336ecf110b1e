// The inverse discrete cosine transform of libjpeg ("islow"): Loeffler, Ligtenberg and Moschytz 1989 in whole numbers,
// with its constants of 13 bits and its rounding, so that every sample equals libjpeg's.

/** Two times a block of 64 numbers of 16 bits. */
const BETWEEN: usize = memory.data(128, 16);
const TURNED: usize = memory.data(128, 16);

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

@inline
function pair(one: i16, other: i16): v128 {
  return i32x4.splat((<i32>other << 16) | (<i32>one & 0xffff));
}

@inline
function low(one: v128, other: v128): v128 {
  return v128.shuffle<i16>(one, other, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
function high(one: v128, other: v128): v128 {
  return v128.shuffle<i16>(one, other, 4, 12, 5, 13, 6, 14, 7, 15);
}

@inline
function dot(pairs: v128, factors: v128): v128 {
  return i32x4.dot_i16x8_s(pairs, factors);
}

@inline
function add(one: v128, other: v128): v128 {
  return i32x4.add(one, other);
}

@inline
function subtract(one: v128, other: v128): v128 {
  return i32x4.sub(one, other);
}

/** Stores four results of a pass, rounded, shifted and cut to 16 bits. */
@inline
function put(target: usize, values: v128, shift: i32): void {
  const cut = i32x4.shr_s(values, shift);
  v128.store64_lane(target, i16x8.narrow_i32x4_s(cut, cut), 0);
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
  target: usize,
  shift: i32,
): void {
  const round = i32x4.splat(1 << (shift - 1));
  const even0 = add(i32x4.shl(sum04, 13), round);
  const even1 = add(i32x4.shl(difference04, 13), round);
  const even3 = dot(pair26, pair(F_0_541 + F_0_765, F_0_541));
  const even2 = dot(pair26, pair(F_0_541, F_0_541 - F_1_847));
  const z3 = dot(pairOfSums, pair(F_1_175 - F_1_961, F_1_175));
  const z4 = dot(pairOfSums, pair(F_1_175, F_1_175 - F_0_390));
  const odd0 = add(dot(pair71, pair(F_0_298 - F_0_899, -F_0_899)), z3);
  const odd3 = add(dot(pair71, pair(-F_0_899, F_1_501 - F_0_899)), z4);
  const odd1 = add(dot(pair53, pair(F_2_053 - F_2_562, -F_2_562)), z4);
  const odd2 = add(dot(pair53, pair(-F_2_562, F_3_072 - F_2_562)), z3);
  const sum0 = add(even0, even3);
  const sum3 = subtract(even0, even3);
  const sum1 = add(even1, even2);
  const sum2 = subtract(even1, even2);
  put(target, add(sum0, odd3), shift);
  put(target + 7 * 16, subtract(sum0, odd3), shift);
  put(target + 16, add(sum1, odd2), shift);
  put(target + 6 * 16, subtract(sum1, odd2), shift);
  put(target + 2 * 16, add(sum2, odd1), shift);
  put(target + 5 * 16, subtract(sum2, odd1), shift);
  put(target + 3 * 16, add(sum3, odd0), shift);
  put(target + 4 * 16, subtract(sum3, odd0), shift);
}

/** One pass over the eight columns; `in0` to `in7` are the rows. */
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
  target: usize,
  shift: i32,
): void {
  const sum = i16x8.add(in0, in4);
  const difference = i16x8.sub(in0, in4);
  const sum73 = i16x8.add(in7, in3);
  const sum51 = i16x8.add(in5, in1);
  half(
    i32x4.extend_low_i16x8_s(sum),
    i32x4.extend_low_i16x8_s(difference),
    low(in2, in6),
    low(in7, in1),
    low(in5, in3),
    low(sum73, sum51),
    target,
    shift,
  );
  half(
    i32x4.extend_high_i16x8_s(sum),
    i32x4.extend_high_i16x8_s(difference),
    high(in2, in6),
    high(in7, in1),
    high(in5, in3),
    high(sum73, sum51),
    target + 8,
    shift,
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

/** Rows become columns. */
function turn(block: usize, target: usize): void {
  const a0 = low(row(block, 0), row(block, 4));
  const a1 = high(row(block, 0), row(block, 4));
  const a2 = low(row(block, 1), row(block, 5));
  const a3 = high(row(block, 1), row(block, 5));
  const a4 = low(row(block, 2), row(block, 6));
  const a5 = high(row(block, 2), row(block, 6));
  const a6 = low(row(block, 3), row(block, 7));
  const a7 = high(row(block, 3), row(block, 7));
  const b0 = low(a0, a4);
  const b1 = high(a0, a4);
  const b2 = low(a1, a5);
  const b3 = high(a1, a5);
  const b4 = low(a2, a6);
  const b5 = high(a2, a6);
  const b6 = low(a3, a7);
  const b7 = high(a3, a7);
  v128.store(target, low(b0, b4));
  v128.store(target, high(b0, b4), 16);
  v128.store(target, low(b1, b5), 32);
  v128.store(target, high(b1, b5), 48);
  v128.store(target, low(b2, b6), 64);
  v128.store(target, high(b2, b6), 80);
  v128.store(target, low(b3, b7), 96);
  v128.store(target, high(b3, b7), 112);
}

/** Two rows as samples from 0 to 255, their numbers in turn. */
@inline
function samples(block: usize, index: usize): v128 {
  const middle = i16x8.splat(128);
  const bytes = i8x16.narrow_i16x8_u(
    i16x8.add_sat_s(row(block, index), middle),
    i16x8.add_sat_s(row(block, index + 1), middle),
  );
  return v128.shuffle<u8>(bytes, bytes, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Writes columns of pixels as rows of samples. */
@inline
function putTurned(block: usize, target: usize, stride: usize): void {
  const columns01 = samples(block, 0);
  const columns23 = samples(block, 2);
  const columns45 = samples(block, 4);
  const columns67 = samples(block, 6);
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
    BETWEEN,
    FIRST_SHIFT,
  );
  turn(BETWEEN, TURNED);
  pass(
    row(TURNED, 0),
    row(TURNED, 1),
    row(TURNED, 2),
    row(TURNED, 3),
    row(TURNED, 4),
    row(TURNED, 5),
    row(TURNED, 6),
    row(TURNED, 7),
    BETWEEN,
    SECOND_SHIFT,
  );
  putTurned(BETWEEN, target, stride);
}

/** The samples of a block whose first coefficient alone is not zero: what both passes make of it. */
export function transformFlat(block: usize, steps: usize, target: usize, stride: usize): void {
  const scaled = <i32>(<i16>(<i32>load<i16>(block) * <i32>load<i16>(steps)));
  const level = ((scaled + 4) >> 3) + 128;
  const sample = level < 0 ? 0 : level > 255 ? 255 : level;
  const bytes = i8x16.splat(<i8>sample);
  for (let line = 0; line < 8; line++, target += stride) v128.store64_lane(target, bytes, 0);
}
