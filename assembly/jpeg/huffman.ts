// Decoding of Huffman codes (T.81 annex F.2.2).

import { COEFFICIENT_PLACES } from "./frame";
import { codeAt, ENDS, END_OF_BLOCK, extended, LOOK, PAIRS, PASS_LOOK, PASSES } from "./huffman-tables";

/**
 * Bits of the scan: those of `buffer` from the top, and those from `at` on. The scan lies backwards in memory, from high
 * addresses to low ones, so that eight bytes are loaded with the first at the top.
 */
export class Bits {
  /** The next byte. */
  static at: usize = 0;
  static buffer: u64 = 0;
  /** How many of the buffer are read; others may stand there too. */
  static count: i32 = 0;
  static start: usize = 0;
  static end: usize = 0;
}

/** @param end below the last byte */
export function startBits(start: usize, end: usize): void {
  Bits.at = start;
  Bits.start = start;
  Bits.end = end;
  Bits.buffer = 0;
  Bits.count = 0;
}

/** True while no bit beyond the end was taken. */
export function withinBits(): bool {
  return <i32>(Bits.start - Bits.at) * 8 - Bits.count <= <i32>(Bits.start - Bits.end) * 8;
}

/** Bits that were not taken. */
export function bitsLeft(): i32 {
  return (<i32>Bits.at - <i32>Bits.end) * 8 + Bits.count;
}

@inline
function nextBytes(at: usize): u64 {
  return load<u64>(at - 7);
}

/** The first coefficient's difference from the block before, of the block that was decoded or passed last. */
export class Block {
  static difference: i32 = 0;
}

/** @returns false when the bits make no sense */
@inline
function readDifference(dc: usize): bool {
  let buffer = Bits.buffer | (nextBytes(Bits.at) >> Bits.count);
  Bits.at -= (63 - Bits.count) >> 3;
  const code = codeAt(dc, buffer);
  const size = code >> 8;
  if (code == 0 || size > 11) return false;
  buffer <<= code & 0xff;
  // Shifted in two steps: there may be no bits.
  Block.difference = size == 0 ? 0 : extended(<i32>((buffer >> 1) >> (63 - size)), size);
  Bits.buffer = buffer << size;
  Bits.count = (Bits.count | 56) - (code & 0xff) - size;
  return true;
}

/**
 * Decodes a block of 64 coefficients in 16 bits, which must be zeros; there must be room for one more.
 * @returns the place of the last in zigzag order, 0 when there is none but the first, or -1 when the bits make no sense
 */
export function decodeBlock(dc: usize, ac: usize, block: usize): i32 {
  if (!readDifference(dc)) return -1;
  let at = Bits.at;
  let buffer = Bits.buffer;
  let count = Bits.count;

  let last = 0;
  for (;;) {
    if (count < 32) {
      buffer |= nextBytes(at) >> count;
      at -= (63 - count) >> 3;
      count |= 56;
    }
    const entry = load<u64>(ac + PAIRS + (<usize>(buffer >> (64 - LOOK)) << 3));
    const nearer = last + (<i32>(entry >> 8) & 0xff);
    const farther = last + (<i32>(entry >> 16) & 0xff);
    store<i16>(block + <usize>load<u8>(COEFFICIENT_PLACES + nearer), <i16>(entry >> 32));
    store<i16>(block + <usize>load<u8>(COEFFICIENT_PLACES + farther), <i16>(entry >> 48));
    if (farther < 63) {
      buffer <<= entry & 0x3f;
      count -= <i32>entry & 0x3f;
      last = farther;
      continue;
    }
    if (farther == 63) {
      buffer <<= entry & 0x3f;
      count -= <i32>entry & 0x3f;
      last = 63;
      break;
    }
    // The end of the block, after a coefficient or alone; a last coefficient at 63 has no end after it.
    if ((entry & ENDS) != 0 && (nearer < 63 || nearer >= <i32>END_OF_BLOCK)) {
      buffer <<= entry & 0x3f;
      count -= <i32>entry & 0x3f;
      if (nearer < 63) last = nearer;
      break;
    }
    const code = codeAt(ac, buffer);
    if (code == 0) return -1;
    buffer <<= code & 0xff;
    count -= code & 0xff;
    const size = (code >> 8) & 15;
    if (size == 0) {
      if (code >> 8 == 0) break;
      last += 16;
      if (code >> 8 != 0xf0 || last > 62) return -1;
      continue;
    }
    last += (code >> 12) + 1;
    if (last > 63) return -1;
    const value = extended(<i32>(buffer >> (64 - size)), size);
    buffer <<= size;
    count -= size;
    store<i16>(block + <usize>load<u8>(COEFFICIENT_PLACES + last), <i16>value);
    if (last == 63) break;
  }
  Bits.at = at;
  Bits.buffer = buffer;
  Bits.count = count;
  return last;
}

/** As {@link decodeBlock}, without the coefficients. @returns false when the bits make no sense */
export function passBlock(dc: usize, ac: usize): bool {
  if (!readDifference(dc)) return false;
  let at = Bits.at;
  let buffer = Bits.buffer;
  let count = Bits.count;

  let last = 0;
  for (;;) {
    buffer |= nextBytes(at) >> count;
    at -= (63 - count) >> 3;
    count |= 56;
    const entry = <i32>load<u16>(ac + PASSES + (<usize>(buffer >> (64 - PASS_LOOK)) << 1));
    const next = last + (entry >> 8);
    if (next < 63) {
      buffer <<= <u64>(entry & 0x3f);
      count -= entry & 0x3f;
      last = next;
      continue;
    }
    const isEnd = (entry & 0x8000) != 0 && last + ((entry >> 8) & 0x7f) < 63;
    if (isEnd || next == 63) {
      buffer <<= <u64>(entry & 0x3f);
      count -= entry & 0x3f;
      break;
    }
    const code = codeAt(ac, buffer);
    if (code == 0) return false;
    const size = (code >> 8) & 15;
    buffer <<= <u64>((code & 0xff) + size);
    count -= (code & 0xff) + size;
    if (size == 0) {
      if (code >> 8 == 0) break;
      last += 16;
      if (code >> 8 != 0xf0 || last > 62) return false;
      continue;
    }
    last += (code >> 12) + 1;
    if (last > 63) return false;
    if (last == 63) break;
  }
  Bits.at = at;
  Bits.buffer = buffer;
  Bits.count = count;
  return true;
}
