// The marker segments of a stream up to its scan (T.81 annex B).

import {
  Component,
  componentField,
  Frame,
  Outcome,
  quantisationTable,
  setComponentField,
  uint16,
  ZIGZAG,
} from "./frame";
import { buildTable, forgetTables, huffmanTable, isDefined } from "./huffman-tables";

/** Which quantisation tables the stream defined, one bit each. */
let quantisationDefined: i32 = 0;
let hasJfif: bool = false;
let adobeTransform: i32 = -1;

/** Where the entropy-coded bytes begin, when `readMarkers` is done. */
export let scanStart: usize = 0;

/** The last header that was read: tiles of one slide share theirs. */
const HEADER: usize = memory.data(4096);
const MOST_HEADER: usize = 4096;
let headerBytes: usize = 0;

/** Reads the segments up to the scan, unless they are those of the stream before. @returns an {@link Outcome} */
export function readMarkers(start: usize, end: usize): i32 {
  if (headerBytes != 0 && headerBytes <= end - start && memory.compare(start, HEADER, headerBytes) == 0) {
    scanStart = start + headerBytes;
    return Outcome.Done;
  }
  headerBytes = 0;
  const outcome = readSegments(start, end);
  const length = scanStart - start;
  if (outcome == Outcome.Done && length <= MOST_HEADER) {
    memory.copy(HEADER, start, length);
    headerBytes = length;
  }
  return outcome;
}

function readSegments(start: usize, end: usize): i32 {
  forgetTables();
  quantisationDefined = 0;
  hasJfif = false;
  adobeTransform = -1;
  Frame.width = 0;
  Frame.restartInterval = 0;
  if (end - start < 4 || uint16(start) != 0xffd8) return Outcome.Faulty;
  let at = start + 2;
  while (at + 4 <= end) {
    if (load<u8>(at) != 0xff) return Outcome.Faulty;
    const marker = <i32>load<u8>(at + 1);
    const next = at + 2 + <usize>uint16(at + 2);
    if (marker == 0xff || next < at + 4 || next > end) return Outcome.Faulty;
    const outcome = readSegment(marker, at + 4, next);
    if (outcome != Outcome.Done) return outcome;
    at = next;
    if (marker == 0xda) {
      scanStart = at;
      return Outcome.Done;
    }
  }
  return Outcome.Faulty;
}

function readSegment(marker: i32, at: usize, end: usize): i32 {
  if (marker == 0xdb) return readQuantisation(at, end);
  if (marker == 0xc4) return readHuffman(at, end);
  if (marker == 0xc0 || marker == 0xc1) return readFrame(at, end);
  if (marker == 0xda) return readScan(at, end);
  if (marker == 0xdd) {
    if (end - at != 2) return Outcome.Faulty;
    Frame.restartInterval = uint16(at);
    return Outcome.Done;
  }
  if (marker == 0xe0 && end - at >= 5 && load<u32>(at) == 0x4649464a) hasJfif = true;
  if (marker == 0xee && end - at >= 12 && load<u32>(at) == 0x626f6441 && load<u8>(at + 4) == 0x65) {
    adobeTransform = <i32>load<u8>(at + 11);
  }
  // Application segments and comments tell nothing else that matters.
  return (marker >= 0xe0 && marker <= 0xef) || marker == 0xfe ? Outcome.Done : Outcome.Unsupported;
}

function readQuantisation(from: usize, end: usize): i32 {
  let at = from;
  while (at < end) {
    const head = <i32>load<u8>(at);
    const index = head & 15;
    const bytes: usize = head >> 4 == 0 ? 1 : 2;
    if (head >> 4 > 1 || index > 3 || at + 1 + 64 * bytes > end) return Outcome.Faulty;
    const table = quantisationTable(index);
    for (let place: usize = 0; place < 64; place++) {
      const from = at + 1 + place * bytes;
      const step = bytes == 1 ? <i32>load<u8>(from) : uint16(from);
      store<u16>(table + (<usize>load<u8>(ZIGZAG + place) << 1), <u16>step);
    }
    quantisationDefined |= 1 << index;
    at += 1 + 64 * bytes;
  }
  return Outcome.Done;
}

function readHuffman(from: usize, end: usize): i32 {
  let at = from;
  while (at < end) {
    if (at + 17 > end) return Outcome.Faulty;
    const head = <i32>load<u8>(at);
    if ((head & 0xec) != 0) return Outcome.Faulty;
    let symbols = 0;
    for (let length: usize = 0; length < 16; length++) symbols += <i32>load<u8>(at + 1 + length);
    if (symbols > 256 || at + 17 + <usize>symbols > end) return Outcome.Faulty;
    const isAc = head >> 4;
    if (!buildTable(huffmanTable(isAc, head & 3), at + 1, isAc)) return Outcome.Faulty;
    at += 17 + <usize>symbols;
  }
  return Outcome.Done;
}

function readFrame(at: usize, end: usize): i32 {
  if (Frame.width != 0 || end - at < 6 || load<u8>(at) != 8) return Outcome.Unsupported;
  Frame.height = uint16(at + 1);
  Frame.width = uint16(at + 3);
  const components = <i32>load<u8>(at + 5);
  Frame.components = components;
  if (Frame.width == 0 || Frame.height == 0 || (components != 1 && components != 3)) return Outcome.Unsupported;
  if (end - at != <usize>(6 + 3 * components)) return Outcome.Faulty;
  for (let component = 0; component < components; component++) {
    const entry = at + 6 + 3 * <usize>component;
    const factors = load<u8>(entry + 1);
    if (component == 0) {
      Frame.horizontal = <i32>(factors >> 4);
      Frame.vertical = <i32>(factors & 15);
    } else if (factors != 0x11) return Outcome.Unsupported;
    if (load<u8>(entry + 2) > 3) return Outcome.Faulty;
    setComponentField(component, Component.Identifier, <i32>load<u8>(entry));
    setComponentField(component, Component.Quantisation, <i32>load<u8>(entry + 2));
  }
  return sampling();
}

/** 4:4:4, 4:2:2 and 4:2:0; libjpeg does not filter chrominance of less than three columns. */
function sampling(): i32 {
  const horizontal = Frame.horizontal;
  const vertical = Frame.vertical;
  if (horizontal == 1 && vertical == 1) return Outcome.Done;
  if (Frame.components == 1 || Frame.width < 5) return Outcome.Unsupported;
  return horizontal == 2 && (vertical == 1 || vertical == 2) ? Outcome.Done : Outcome.Unsupported;
}

function readScan(at: usize, end: usize): i32 {
  const components = Frame.components;
  if (Frame.width == 0) return Outcome.Faulty;
  if (end - at != <usize>(4 + 2 * components)) return Outcome.Unsupported;
  if (<i32>load<u8>(at) != components) return Outcome.Unsupported;
  for (let component = 0; component < components; component++) {
    const entry = at + 1 + 2 * <usize>component;
    const tables = <i32>load<u8>(entry + 1);
    if (<i32>load<u8>(entry) != componentField(component, Component.Identifier)) return Outcome.Unsupported;
    if ((tables & 0xcc) != 0) return Outcome.Faulty;
    setComponentField(component, Component.Dc, tables >> 4);
    setComponentField(component, Component.Ac, tables & 15);
    const steps = componentField(component, Component.Quantisation);
    const isComplete =
      (quantisationDefined & (1 << steps)) != 0 &&
      isDefined(huffmanTable(0, tables >> 4)) &&
      isDefined(huffmanTable(1, tables & 15));
    if (!isComplete) return Outcome.Faulty;
  }
  const selection = at + 1 + 2 * <usize>components;
  if (load<u8>(selection) != 0 || load<u8>(selection + 1) != 63 || load<u8>(selection + 2) != 0) {
    return Outcome.Unsupported;
  }
  return colours();
}

/** The colour model, where the stream states it; guesses are left to others. */
function colours(): i32 {
  if (Frame.components == 1) return Outcome.Done;
  if (hasJfif) {
    Frame.isYcc = true;
    return Outcome.Done;
  }
  if (adobeTransform != 0 && adobeTransform != 1) return Outcome.Unsupported;
  Frame.isYcc = adobeTransform == 1;
  // Chrominance alone has fewer samples.
  return Frame.isYcc || Frame.horizontal == 1 ? Outcome.Done : Outcome.Unsupported;
}
