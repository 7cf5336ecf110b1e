// Tables of Huffman codes (T.81 annex F.2.2). Where coefficients are wanted, one look gives two of them with their codes;
// where they are not, one look passes as many as fit into it.

/** Bits of a code that are looked up at once. */
export const LOOK: i32 = 10;
const LOOK_ENTRIES: i32 = 1 << LOOK;
/** The same where coefficients are passed over. */
export const PASS_LOOK: i32 = 12;
const PASS_ENTRIES: i32 = 1 << PASS_LOOK;

/**
 * One table: an entry of 16 bits for each beginning of a code, its symbol above its length, 0 for a code longer than
 * LOOK; then the longest code of each length (left-aligned to 16 bits, exclusive), then where each length's symbols begin
 * less its first code, then the symbols. Tables of AC go on with pairs and passes, see below.
 */
const LONGEST: usize = <usize>LOOK_ENTRIES * 2;
const FIRST: usize = LONGEST + 18 * 4;
const SYMBOLS: usize = FIRST + 18 * 4;
const IS_DEFINED: usize = SYMBOLS + 256;
const HAS_PASSES: usize = IS_DEFINED + 1;
export const PAIRS: usize = IS_DEFINED + 16;
export const PASSES: usize = PAIRS + <usize>LOOK_ENTRIES * 8;
const TABLE_BYTES: usize = PASSES + <usize>PASS_ENTRIES * 2;
/** DC tables 0 to 3, then AC tables 0 to 3. */
const TABLES: usize = memory.data(8 * 18848, 16);

// A pair is an entry of 64 bits for what is looked up: in its low byte the bits it takes, in the next two how far the first and
// the last coefficient are from the one before, in its upper half their values. A single coefficient stands twice. Distances
// that no coefficient has lead out of the block, so that one comparison finds all that is unusual.
/** Added to the bits: the last of the pair is the end of the block. */
export const ENDS: u32 = 0x40;
/** Distance of the end of a block. */
export const END_OF_BLOCK: u32 = 0x80;
/** Distance of what one look does not tell. */
const UNKNOWN: u32 = 0xff;

// A pass is an entry of 16 bits: the bits it takes, and above them how far the last of its coefficients is; with
// END_OF_BLOCK when the block ends after it.

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
      if (length <= LOOK) enter(table, code, length, value);
    }
    // A code of ones alone is not allowed, nor are more codes than the length has.
    if (count > 0 && code >= 1 << length) return false;
    store<i32>(table + LONGEST + (<usize>length << 2), code << (16 - length));
    code <<= 1;
  }
  if (isAc != 0) buildPairs(table);
  store<u8>(table + IS_DEFINED, 1);
  store<u8>(table + HAS_PASSES, 0);
  return true;
}

/** Enters a code at every place that begins with it. */
function enter(table: usize, code: i32, length: i32, symbol: u8): void {
  const free = LOOK - length;
  const first = code << free;
  if (first + (1 << free) > LOOK_ENTRIES) return;
  const entry = (<u16>symbol << 8) | <u16>length;
  for (let rest = 0; rest < 1 << free; rest++) store<u16>(table + (<usize>(first + rest) << 1), entry);
}

/** The entry of the code that `bits`, of which there are `count`, begin with; 0 where they do not tell. */
@inline
function codeIn(table: usize, bits: i32, count: i32): u32 {
  const look = count < LOOK ? bits << (LOOK - count) : bits >> (count - LOOK);
  const entry = <u32>load<u16>(table + (<usize>look << 1));
  return <i32>(entry & 0xff) <= count ? entry : 0;
}

function buildPairs(table: usize): void {
  for (let look = 0; look < LOOK_ENTRIES; look++) {
    const first = single(table, look, LOOK);
    let entry = first;
    const distance = <u32>(first >> 8) & 0xff;
    if (distance < END_OF_BLOCK) {
      const length = <i32>first & 0x3f;
      const second = single(table, look & ((1 << (LOOK - length)) - 1), LOOK - length);
      const farther = <u32>(second >> 8) & 0xff;
      if (farther == END_OF_BLOCK) {
        entry = (first & 0xffffffff0000ffff) | (<u64>END_OF_BLOCK << 16);
        entry += second & 0x7f;
      } else if (farther < END_OF_BLOCK) {
        entry = (first & 0x0000ffff0000ff00) | (second & 0xffff000000000000);
        entry |= (<u64>(distance + farther) << 16) | ((first & 0x3f) + (second & 0x3f));
      }
    }
    store<u64>(table + PAIRS + (<usize>look << 3), entry);
  }
}

/** A pair that is one coefficient or the end of the block; UNKNOWN where `bits`, of which there are `count`, do not tell. */
function single(table: usize, bits: i32, count: i32): u64 {
  const code = codeIn(table, bits, count);
  const length = <i32>(code & 0xff);
  const symbol = code >> 8;
  const size = <i32>symbol & 15;
  if (length != 0 && symbol == 0) return (<u64>END_OF_BLOCK << 16) | (END_OF_BLOCK << 8) | ENDS | length;
  if (length == 0 || size == 0 || length + size > count) return (<u64>UNKNOWN << 16) | (UNKNOWN << 8);
  const value = <u64>(<u16>extended((bits >> (count - length - size)) & ((1 << size) - 1), size));
  const distance = <u64>(symbol >> 4) + 1;
  return (value << 48) | (value << 32) | (distance << 16) | (distance << 8) | (length + size);
}

/** Adds what {@link passBlock} looks up, unless it is there. */
export function buildPasses(table: usize): void {
  if (load<u8>(table + HAS_PASSES) != 0) return;
  for (let look = 0; look < PASS_ENTRIES; look++) {
    let left = PASS_LOOK;
    let distance: u32 = 0;
    while (left > 0) {
      const code = codeIn(table, look & ((1 << left) - 1), left);
      const length = <i32>(code & 0xff);
      const symbol = code >> 8;
      const size = <i32>symbol & 15;
      if (length == 0 || length + size > left || (size == 0 && symbol != 0)) break;
      left -= length + size;
      if (symbol == 0) {
        distance |= END_OF_BLOCK;
        break;
      }
      distance += (symbol >> 4) + 1;
    }
    const entry = left == PASS_LOOK ? UNKNOWN << 8 : (distance << 8) | <u32>(PASS_LOOK - left);
    store<u16>(table + PASSES + (<usize>look << 1), <u16>entry);
  }
  store<u8>(table + HAS_PASSES, 1);
}

/** The number that bits of a size stand for (T.81 figure F.12). */
@inline
export function extended(bits: i32, size: i32): i32 {
  return bits + (((bits >> (size - 1)) - 1) & (1 - (1 << size)));
}

/** The code that the buffer begins with, its symbol above its length; 0 when it begins with none. */
export function codeAt(table: usize, buffer: u64): i32 {
  const entry = <i32>load<u16>(table + (<usize>(buffer >> (64 - LOOK)) << 1));
  if (entry != 0) return entry;
  const bits = <i32>(buffer >> 48);
  let length = LOOK + 1;
  while (bits >= load<i32>(table + LONGEST + (<usize>length << 2))) {
    length++;
    if (length > 16) return 0;
  }
  const place = load<i32>(table + FIRST + (<usize>length << 2)) + (bits >> (16 - length));
  return (<i32>load<u8>(table + SYMBOLS + <usize>(place & 255)) << 8) | length;
}
