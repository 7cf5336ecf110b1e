// What a stream says of its picture, and where everything lies in memory. WebAssembly has no objects worth their
// cost here, so state that several files share stands in static fields and in tables at fixed addresses.

/** What became of a stream. Anything but `Done` sends it to a complete decoder. */
export namespace Outcome {
  export const Done: i32 = 0;
  /** Of a kind that is not read here. */
  export const Unsupported: i32 = 1;
  /** Something is wrong with it, or may be. */
  export const Faulty: i32 = 2;
}

export class Frame {
  static width: i32 = 0;
  static height: i32 = 0;
  static components: i32 = 0;
  /** Samples of luminance for each sample of chrominance. */
  static horizontal: i32 = 1;
  static vertical: i32 = 1;
  static isYcc: bool = false;
  /** MCUs between two restart markers; 0 when there are none. */
  static restartInterval: i32 = 0;
}

/** The rectangle of pixels that is wanted, inside the picture. */
export class Part {
  static left: i32 = 0;
  static top: i32 = 0;
  static right: i32 = 0;
  static bottom: i32 = 0;
}

/** Of each component: identifier in the frame, quantisation table, DC and AC Huffman tables. */
const COMPONENTS: usize = memory.data(3 * 4);
export namespace Component {
  export const Identifier: usize = 0;
  export const Quantisation: usize = 1;
  export const Dc: usize = 2;
  export const Ac: usize = 3;
}

@inline
export function componentField(component: i32, field: usize): i32 {
  return <i32>load<u8>(COMPONENTS + (<usize>component << 2) + field);
}

export function setComponentField(component: i32, field: usize, value: i32): void {
  store<u8>(COMPONENTS + (<usize>component << 2) + field, <u8>value);
}

/** Four quantisation tables of 64 steps in 16 bits, in the order of rows. */
const QUANTISATION: usize = memory.data(4 * 128, 16);

@inline
export function quantisationTable(index: i32): usize {
  return QUANTISATION + (<usize>index << 7);
}

/** Where the coefficient at each place of the zigzag order lies in a block of rows (T.81 figure 5). */
export const ZIGZAG: usize = memory.data<u8>([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
  28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
  47, 55, 62, 63,
]);

/**
 * Where the coefficient at each place of the zigzag order lies in a block, in bytes; those at places that no block has
 * lie after it.
 */
export const COEFFICIENT_PLACES: usize = memory.data(320);
export const AFTER_BLOCK: i32 = 128;

export function layPlaces(): void {
  memory.fill(COEFFICIENT_PLACES, <u8>AFTER_BLOCK, 320);
  for (let place: usize = 0; place < 64; place++) {
    store<u8>(COEFFICIENT_PLACES + place, load<u8>(ZIGZAG + place) << 1);
  }
}

/** Bytes before a row of chrominance, where its first sample has a neighbour. */
export const MARGIN: usize = 16;

/** Where the pictures of one stream lie; set for each. */
export class Memory {
  /** Above the entropy-coded bytes without stuffing, which lie backwards. */
  static scan: usize = 0;
  static planes: usize = 0;
  /** Bytes of the planes of luminance and of each chrominance, with margins. */
  static lumaBytes: usize = 0;
  static chromaBytes: usize = 0;
  static lumaStride: usize = 0;
  static chromaStride: usize = 0;
  static output: usize = 0;
  static outputStride: usize = 0;
}

/** Where the first sample of a component is. */
@inline
export function plane(component: i32): usize {
  const first = Memory.planes + MARGIN;
  return component == 0 ? first : first + Memory.lumaBytes + <usize>(component - 1) * Memory.chromaBytes;
}

@inline
export function planeStride(component: i32): usize {
  return component == 0 ? Memory.lumaStride : Memory.chromaStride;
}

@inline
export function uint16(at: usize): i32 {
  return (<i32>load<u8>(at) << 8) | <i32>load<u8>(at, 1);
}
