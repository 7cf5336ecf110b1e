// Decodes baseline JPEG streams of 8 bits with SIMD, to libjpeg's pixels. Slides hold nearly nothing else; whatever is
// of another kind, or seems faulty, is left to a complete decoder.

import { firstMade, GROUP, writePixels } from "./colour";
import { Frame, layPlaces, MARGIN, Memory, Outcome, Part, plane } from "./frame";
import { bitsLeft, startBits, withinBits } from "./huffman";
import { readMarkers, scanStart } from "./markers";
import { decodeMcus, describeBlocks, mcuColumns, mcuRows } from "./mcus";

/** Most pixels of a picture; tiles have far fewer, and memory is kept for the largest. */
const MOST_PIXELS: u32 = 1 << 21;
/** Bytes after the scan that a faulty MCU may read before it is found out. */
const SCAN_SLACK: usize = 4096;
/** Vectors reach beyond what they are asked for. */
const SLACK: usize = 64;

layPlaces();

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

/** Where its first pixel is. */
export function output(): usize {
  if (Frame.components == 1) return plane(0) + <usize>Part.top * Memory.lumaStride + <usize>Part.left;
  return Memory.output + 3 * <usize>(Part.left - firstMade());
}

/** Bytes from one row of its pixels to the next. */
export function stride(): usize {
  return Frame.components == 1 ? Memory.lumaStride : Memory.outputStride;
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
  if (<u32>(Frame.width * Frame.height) > MOST_PIXELS) return Outcome.Unsupported;
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

/** Finds places for all that is made of a stream. */
function arrange(length: usize): bool {
  const columns = <usize>mcuColumns();
  const rows = <usize>mcuRows();
  Memory.lumaStride = ((columns * <usize>Frame.horizontal) << 3) + 2 * MARGIN;
  Memory.lumaBytes = Memory.lumaStride * ((rows * <usize>Frame.vertical) << 3);
  Memory.chromaStride = (columns << 3) + 2 * MARGIN;
  Memory.chromaBytes = Frame.components == 1 ? 0 : Memory.chromaStride * (rows << 3);
  Memory.scan = aligned(INPUT + length + SCAN_SLACK + length + SLACK);
  Memory.planes = aligned(Memory.scan + SLACK);
  Memory.output = aligned(Memory.planes + Memory.lumaBytes + 2 * Memory.chromaBytes + SLACK);
  const groups = <usize>((Part.right - firstMade() + GROUP - 1) / GROUP);
  Memory.outputStride = groups * <usize>GROUP * 3;
  const pixelBytes: usize = Frame.components == 1 ? 0 : Memory.outputStride * <usize>height();
  return ensure(Memory.output + pixelBytes + SLACK);
}

/** Where copying stopped. */
let copiedTo: usize = 0;
let markerAt: usize = 0;

/** Copies entropy-coded bytes up to the next marker, backwards and without the zeros stuffed after 0xff. */
function copyUnstuffed(from: usize, end: usize): bool {
  const backwards = i8x16(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const full = i8x16.splat(-1);
  let at = from;
  // Below what is written.
  let target = Memory.scan;
  for (;;) {
    while (at + 16 <= end) {
      const bytes = v128.load(at);
      v128.store(target - 16, i8x16.swizzle(bytes, backwards));
      const stuffed = i8x16.bitmask(i8x16.eq(bytes, full));
      if (stuffed != 0) {
        const before = <usize>ctz(stuffed);
        at += before;
        target -= before;
        break;
      }
      at += 16;
      target -= 16;
    }
    if (at + 1 >= end) return false;
    const byte = load<u8>(at);
    if (byte == 0xff) {
      if (load<u8>(at + 1) != 0) break;
      at += 1;
    }
    at += 1;
    target -= 1;
    store<u8>(target, byte);
  }
  memory.fill(target - 16, 0, 16);
  copiedTo = target;
  markerAt = at;
  return true;
}

/** Decodes the one scan and sees that it ends as it should. */
function decodeScan(end: usize): i32 {
  describeBlocks();
  const all = mcuColumns() * mcuRows();
  const interval = Frame.restartInterval == 0 ? all : Frame.restartInterval;
  let from = scanStart;
  let restart = 0;
  for (let first = 0; first < all; first += interval) {
    if (!copyUnstuffed(from, end)) return Outcome.Faulty;
    startBits(Memory.scan - 1, copiedTo - 1);
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
