// Huffman decoding (T.81 annex F.2.2) with tables that give a coefficient and its code in one look.

import { ZIGZAG } from "./frame";

/** Bits of a code that are looked up at once. */
const LOOK: i32 = 10;
const LOOK_ENTRIES: i32 = 1 << LOOK;

/**
 * One table: an entry of 32 bits for each beginning of a code, then the longest code of each length (left-aligned
 * to 16 bits, exclusive), then where each length's symbols begin less its first code, then the symbols.
 */
const LONGEST: usize = <usize>LOOK_ENTRIES * 4;
const FIRST: usize = LONGEST + 18 * 4;
const SYMBOLS: usize = FIRST + 18 * 4;
const IS_DEFINED: usize = SYMBOLS + 256;
const TABLE_BYTES: usize = IS_DEFINED + 16;
/** DC tables 0 to 3, then AC tables 0 to 3. */
const TABLES: usize = memory.data(8 * 4512, 16);

// The low byte of an entry is the bits it takes, 0 for a code longer than LOOK. With a whole coefficient, the next
// byte is how far it is from the one before and the upper half its value; with a code alone the bit below is set,
// and the next byte is its symbol.
const CODE_ALONE: u32 = 0x80;
/** A distance that no coefficient has: the block ends. */
const END_OF_BLOCK: u32 = 0x80;

@inline
export function huffmanTable(isAc: i32, index: i32): usize {
  return TABLES + <usize>((isAc << 2) | index) * TABLE_BYTES;
}

export function forgetTables(): void {
  for (let index = 0; index < 8; index++) store<u8>(TABLES + <usize>index * TABLE_BYTES + IS_DEFINED, 0);
}

export function isDefined(table: usize): bool {
  return load<u8>(table + IS_DEFINED) != 0;
}

/**
 * Builds a table from the number of codes of each length, 16 bytes at `counts`, and the symbols after them.
 * @returns false when no code can have these lengths
 */
export function buildTable(table: usize, counts: usize, isAc: i32): bool {
  memory.fill(table, 0, LONGEST);
  let code = 0;
  let symbol = 0;
  for (let length = 1; length <= 16; length++) {
    const count = <i32>load<u8>(counts + <usize>length - 1);
    store<i32>(table + FIRST + (<usize>length << 2), symbol - code);
    for (let index = 0; index < count; index++, code++, symbol++) {
      const value = load<u8>(counts + 16 + <usize>symbol);
      // The first coefficient's symbols are numbers of bits.
      if (isAc == 0 && value > 15) return false;
      store<u8>(table + SYMBOLS + <usize>symbol, value);
      if (length <= LOOK) enter(table, code, length, value, isAc);
    }
    // A code of ones alone is not allowed, nor are more codes than the length has.
    if (count > 0 && code >= 1 << length) return false;
    store<i32>(table + LONGEST + (<usize>length << 2), code << (16 - length));
    code <<= 1;
  }
  store<u8>(table + IS_DEFINED, 1);
  return true;
}

/** Enters a code at every place that begins with it. */
function enter(table: usize, code: i32, length: i32, symbol: u8, isAc: i32): void {
  const free = LOOK - length;
  const first = code << free;
  if (first + (1 << free) > LOOK_ENTRIES) return;
  for (let rest = 0; rest < 1 << free; rest++) {
    store<u32>(table + (<usize>(first + rest) << 2), isAc != 0 ? acEntry(symbol, length, rest, free) : codeEntry(symbol, length));
  }
}

function codeEntry(symbol: u8, length: i32): u32 {
  return (<u32>symbol << 8) | CODE_ALONE | <u32>length;
}

function acEntry(symbol: u8, length: i32, rest: i32, free: i32): u32 {
  if (symbol == 0) return (END_OF_BLOCK << 8) | <u32>length;
  const size = <i32>symbol & 15;
  if (size == 0 || size > free) return codeEntry(symbol, length);
  const value = extended(rest >> (free - size), size);
  const distance = (<u32>symbol >> 4) + 1;
  return (<u32>value << 16) | (distance << 8) | <u32>(length + size);
}

/** The number that bits of a size stand for (T.81 figure F.12). */
@inline
function extended(bits: i32, size: i32): i32 {
  return bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
}

/** Bits of the scan: those of `buffer` from the top, and those from `at` on. */
export class Bits {
  static at: usize = 0;
  static buffer: u64 = 0;
  /** How many of the buffer are read; others may stand there too. */
  static count: i32 = 0;
  static start: usize = 0;
  static end: usize = 0;
}

export function startBits(start: usize, end: usize): void {
  Bits.at = start;
  Bits.start = start;
  Bits.end = end;
  Bits.buffer = 0;
  Bits.count = 0;
}

/** True while no bit beyond the end was taken. */
export function withinBits(): bool {
  return <i32>(Bits.at - Bits.start) * 8 - Bits.count <= <i32>(Bits.end - Bits.start) * 8;
}

/** Bits that were not taken. */
export function bitsLeft(): i32 {
  return <i32>(Bits.end - Bits.at) * 8 + Bits.count;
}

@inline
function nextBytes(at: usize): u64 {
  const bytes = v128.load64_zero(at);
  return <u64>i64x2.extract_lane(v128.shuffle<u8>(bytes, bytes, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
}

/** The length of a code longer than LOOK, or 17. */
function longCode(table: usize, buffer: u64): i32 {
  const bits = <i32>(buffer >> 48);
  let length = LOOK + 1;
  while (length <= 16 && bits >= load<i32>(table + LONGEST + (<usize>length << 2))) length++;
  return length;
}

@inline
function symbolOf(table: usize, buffer: u64, length: i32): i32 {
  const code = <i32>(buffer >> (64 - length));
  return <i32>load<u8>(table + SYMBOLS + <usize>((load<i32>(table + FIRST + (<usize>length << 2)) + code) & 255));
}

/** What else `decodeBlock` finds. */
export class Block {
  static dc: i32 = 0;
}

/**
 * Decodes a block of 64 coefficients in 16 bits, which must be zeros.
 * @returns 1, or 0 when it has none but the first, or -1 when the bits make no sense; `Block.dc` is the first
 *   coefficient's difference from the block before
 */
export function decodeBlock(dc: usize, ac: usize, block: usize): i32 {
  let at = Bits.at;
  let buffer = Bits.buffer;
  let count = Bits.count;
  buffer |= nextBytes(at) >> count;
  at += (63 - count) >> 3;
  count |= 56;

  let entry = load<u32>(dc + (<usize>(buffer >> (64 - LOOK)) << 2));
  let length = <i32>(entry & 0x7f);
  let symbol = <i32>(entry >> 8);
  if (entry == 0) {
    length = longCode(dc, buffer);
    if (length > 16) return -1;
    symbol = symbolOf(dc, buffer, length);
  }
  if (symbol > 11) return -1;
  buffer <<= length;
  count -= length;
  let difference = 0;
  if (symbol > 0) {
    difference = extended(<i32>(buffer >> (64 - symbol)), symbol);
    buffer <<= symbol;
    count -= symbol;
  }
  Block.dc = difference;

  let last = 0;
  for (;;) {
    if (count < 32) {
      buffer |= nextBytes(at) >> count;
      at += (63 - count) >> 3;
      count |= 56;
    }
    entry = load<u32>(ac + (<usize>(buffer >> (64 - LOOK)) << 2));
    if (entry != 0 && (entry & CODE_ALONE) == 0) {
      length = <i32>(entry & 0xff);
      buffer <<= length;
      count -= length;
      const place = last + <i32>((entry >> 8) & 0xff);
      if (place > 63) {
        if (((entry >> 8) & 0xff) != END_OF_BLOCK) return -1;
        break;
      }
      last = place;
      store<i16>(block + (<usize>load<u8>(ZIGZAG + last) << 1), <i16>(<i32>entry >> 16));
      if (last == 63) break;
      continue;
    }
    if (entry == 0) {
      length = longCode(ac, buffer);
      if (length > 16) return -1;
      symbol = symbolOf(ac, buffer, length);
    } else {
      length = <i32>(entry & 0x7f);
      symbol = <i32>((entry >> 8) & 0xff);
    }
    buffer <<= length;
    count -= length;
    const size = symbol & 15;
    if (size == 0) {
      if (symbol == 0) break;
      if (symbol != 0xf0) return -1;
      last += 16;
      if (last > 63) return -1;
      continue;
    }
    last += (symbol >> 4) + 1;
    if (last > 63) return -1;
    const value = extended(<i32>(buffer >> (64 - size)), size);
    buffer <<= size;
    count -= size;
    store<i16>(block + (<usize>load<u8>(ZIGZAG + last) << 1), <i16>value);
    if (last == 63) break;
  }
  Bits.at = at;
  Bits.buffer = buffer;
  Bits.count = count;
  return last > 0 ? 1 : 0;
}
