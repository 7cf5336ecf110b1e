// Decodes baseline JPEG streams of 8 bits with SIMD, to libjpeg's pixels. Slides hold nearly nothing else; whatever is
// of another kind, or seems faulty, is left to a complete decoder.

import { MOST_COLUMNS, writePixels } from "./colour";
import { Component, componentField, Frame, Memory, Outcome, Part, plane, planeStride, quantisationTable } from "./frame";
import { Bits, bitsLeft, Block, decodeBlock, huffmanTable, startBits, withinBits } from "./huffman";
import { readMarkers, scanStart } from "./markers";
import { transform, transformFlat } from "./transform";

/** Most pixels of a picture; tiles have far fewer, and memory is kept for the largest. */
const MOST_PIXELS: i32 = 1 << 21;
/** Bytes after the scan that a faulty MCU may read before it is found out. */
const SCAN_SLACK: usize = 4096;
const ROW_BYTES: usize = 2 * (2 * 8192 + 64);
/** Vectors reach beyond what they are asked for. */
const SLACK: usize = 64;

const COEFFICIENTS: usize = memory.data(128, 16);
/** The last first-coefficient of each component. */
const PREDICTORS: usize = memory.data(3 * 4);

function aligned(address: usize): usize {
  return (address + 63) & ~(<usize>63);
}

const INPUT: usize = aligned(__heap_base);

function ensure(end: usize): bool {
  const missing = <i32>((end + 0xffff) >> 16) - memory.size();
  return missing <= 0 || memory.grow(missing) >= 0;
}

/** Where a stream of `length` bytes may be put; 0 when there is no memory for it. */
export function reserve(length: usize): usize {
  return ensure(INPUT + length + SLACK) ? INPUT : 0;
}

/** Width of the part that was decoded last. */
export function width(): i32 {
  return Part.right - Part.left;
}

export function height(): i32 {
  return Part.bottom - Part.top;
}

/** 1 for grey, 3 for RGB. */
export function channels(): i32 {
  return Frame.components;
}

/** Where its pixels are. */
export function output(): usize {
  return Memory.output;
}

/**
 * Decodes the stream of `length` bytes that was put where {@link reserve} said: all of it is read, and what lies in a
 * rectangle of pixels is made; it is cut to the picture.
 * @returns an {@link Outcome}
 */
export function decode(length: usize, left: i32, top: i32, right: i32, bottom: i32): i32 {
  const end = INPUT + length;
  const outcome = readMarkers(INPUT, end);
  if (outcome != Outcome.Done) return outcome;
  if (Frame.width > MOST_COLUMNS || Frame.width * Frame.height > MOST_PIXELS) return Outcome.Unsupported;
  Part.left = left;
  Part.top = top;
  Part.right = min(right, Frame.width);
  Part.bottom = min(bottom, Frame.height);
  if (left < 0 || top < 0 || left >= Part.right || top >= Part.bottom) return Outcome.Unsupported;
  if (!arrange(length)) return Outcome.Unsupported;
  const decoded = decodeScan(end);
  if (decoded == Outcome.Done) writePixels();
  return decoded;
}

function mcuColumns(): i32 {
  const side = Frame.horizontal << 3;
  return (Frame.width + side - 1) / side;
}

function mcuRows(): i32 {
  const side = Frame.vertical << 3;
  return (Frame.height + side - 1) / side;
}

/** Finds places for all that is made of a stream. */
function arrange(length: usize): bool {
  const columns = <usize>mcuColumns();
  const rows = <usize>mcuRows();
  Memory.lumaStride = (columns * <usize>Frame.horizontal) << 3;
  Memory.lumaBytes = Memory.lumaStride * ((rows * <usize>Frame.vertical) << 3);
  Memory.chromaStride = columns << 3;
  Memory.chromaBytes = Frame.components == 1 ? 0 : Memory.chromaStride * (rows << 3);
  Memory.scan = aligned(INPUT + length);
  Memory.planes = aligned(Memory.scan + length + SCAN_SLACK);
  Memory.rows = aligned(Memory.planes + Memory.lumaBytes + 2 * Memory.chromaBytes + SLACK);
  Memory.output = aligned(Memory.rows + ROW_BYTES);
  const pixels = <usize>(width() * height());
  return ensure(Memory.output + pixels * <usize>Frame.components + SLACK);
}

/** Where copying stopped. */
let copiedTo: usize = 0;
let markerAt: usize = 0;

/** Copies entropy-coded bytes up to the next marker, without the zeros stuffed after 0xff. */
function copyUnstuffed(from: usize, end: usize): bool {
  let at = from;
  let target = Memory.scan;
  const full = i8x16.splat(-1);
  for (;;) {
    while (at + 16 <= end) {
      const bytes = v128.load(at);
      v128.store(target, bytes);
      const stuffed = i8x16.bitmask(i8x16.eq(bytes, full));
      if (stuffed != 0) {
        const before = <usize>ctz(stuffed);
        at += before;
        target += before;
        break;
      }
      at += 16;
      target += 16;
    }
    if (at + 1 >= end) return false;
    const byte = load<u8>(at);
    if (byte == 0xff) {
      if (load<u8>(at + 1) != 0) break;
      at += 1;
    }
    store<u8>(target, byte);
    at += 1;
    target += 1;
  }
  memory.fill(target, 0, 16);
  copiedTo = target;
  markerAt = at;
  return true;
}

/** Decodes the one scan and sees that it ends as it should. */
function decodeScan(end: usize): i32 {
  const all = mcuColumns() * mcuRows();
  const interval = Frame.restartInterval == 0 ? all : Frame.restartInterval;
  let from = scanStart;
  let restart = 0;
  for (let first = 0; first < all; first += interval) {
    if (!copyUnstuffed(from, end)) return Outcome.Faulty;
    startBits(Memory.scan, copiedTo);
    const last = min(all, first + interval);
    if (!decodeMcus(first, last)) return Outcome.Faulty;
    // More than the bits that fill the last byte is something that libjpeg warns of.
    if (!withinBits() || bitsLeft() >= 8) return Outcome.Faulty;
    const marker = <i32>load<u8>(markerAt + 1);
    if (marker != (last == all ? 0xd9 : 0xd0 + restart)) return Outcome.Faulty;
    restart = (restart + 1) & 7;
    from = markerAt + 2;
  }
  return Outcome.Done;
}

/** Samples around a part that its pixels are made of, too: chrominance is enlarged with its neighbours. */
const AROUND: i32 = 2;

function decodeMcus(first: i32, last: i32): bool {
  memory.fill(PREDICTORS, 0, 12);
  const columns = mcuColumns();
  const across = Frame.horizontal << 3;
  const down = Frame.vertical << 3;
  const firstColumn = (Part.left - AROUND) / across;
  const lastColumn = (Part.right + AROUND) / across;
  const firstRow = (Part.top - AROUND) / down;
  const lastRow = (Part.bottom + AROUND) / down;
  let row = first / columns;
  let column = first - row * columns;
  for (let index = first; index < last; index++) {
    const isWanted = column >= firstColumn && column <= lastColumn && row >= firstRow && row <= lastRow;
    for (let component = 0; component < Frame.components; component++) {
      if (!decodeComponent(component, column, row, isWanted)) return false;
    }
    if (Bits.at > Bits.end + 8) return false;
    column += 1;
    if (column == columns) {
      column = 0;
      row += 1;
    }
  }
  return true;
}

@inline
function clearCoefficients(): void {
  const zero = i64x2.splat(0);
  v128.store(COEFFICIENTS, zero);
  v128.store(COEFFICIENTS, zero, 16);
  v128.store(COEFFICIENTS, zero, 32);
  v128.store(COEFFICIENTS, zero, 48);
  v128.store(COEFFICIENTS, zero, 64);
  v128.store(COEFFICIENTS, zero, 80);
  v128.store(COEFFICIENTS, zero, 96);
  v128.store(COEFFICIENTS, zero, 112);
}

/** One component's blocks of an MCU; those that are not wanted are read over. */
function decodeComponent(component: i32, column: i32, row: i32, isWanted: bool): bool {
  const across = component == 0 ? Frame.horizontal : 1;
  const down = component == 0 ? Frame.vertical : 1;
  const dc = huffmanTable(0, componentField(component, Component.Dc));
  const ac = huffmanTable(1, componentField(component, Component.Ac));
  const steps = quantisationTable(componentField(component, Component.Quantisation));
  const stride = planeStride(component);
  const corner = plane(component) + <usize>(row * down * 8) * stride + <usize>(column * across * 8);
  const predictor = PREDICTORS + (<usize>component << 2);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      clearCoefficients();
      const extent = decodeBlock(dc, ac, COEFFICIENTS);
      if (extent < 0) return false;
      const value = load<i32>(predictor) + Block.dc;
      store<i32>(predictor, value);
      if (!isWanted) continue;
      store<i16>(COEFFICIENTS, <i16>value);
      const target = corner + <usize>(y * 8) * stride + <usize>(x * 8);
      if (extent == 0) transformFlat(COEFFICIENTS, steps, target, stride);
      else transform(COEFFICIENTS, steps, target, stride);
    }
  }
  return true;
}
