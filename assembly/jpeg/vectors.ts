// Names for vector instructions that more than one file uses. All shuffles are of kinds that are one instruction.

/** Four pairs of factors for {@link dot}. */
@inline
export function pair(one: i16, other: i16): v128 {
  return i32x4.splat((<i32>other << 16) | (<i32>one & 0xffff));
}

/** The first four numbers of 16 bits of both, in turn. */
@inline
export function low(one: v128, other: v128): v128 {
  return v128.shuffle<i16>(one, other, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** The last four numbers of 16 bits of both, in turn. */
@inline
export function high(one: v128, other: v128): v128 {
  return v128.shuffle<i16>(one, other, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Pairs of numbers of 16 bits times their factors, added. */
@inline
export function dot(pairs: v128, factors: v128): v128 {
  return i32x4.dot_i16x8_s(pairs, factors);
}

@inline
export function add(one: v128, other: v128): v128 {
  return i32x4.add(one, other);
}

@inline
export function subtract(one: v128, other: v128): v128 {
  return i32x4.sub(one, other);
}

/** The first eight bytes of both, in turn. */
@inline
export function lowBytes(one: v128, other: v128): v128 {
  return v128.shuffle<u8>(one, other, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** The last eight bytes of both, in turn. */
@inline
export function highBytes(one: v128, other: v128): v128 {
  return v128.shuffle<u8>(one, other, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
