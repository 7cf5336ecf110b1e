import { runInThisContext } from "node:vm";
import { JPEG_ASSEMBLY } from "./jpeg-assembly.js";
import type { PixelPlace } from "./region.js";

/** A rectangle of a picture's pixels. */
export interface PicturePart {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Samples of a part: RGB, or grey when the stream has one component. */
export interface DecodedPart {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** The fast decoder in one thread. */
export interface FastDecoder {
  /** Null for a stream that is for the other decoder to judge. */
  decode(pieces: readonly Uint8Array[], into: ArrayBuffer, part: PicturePart): DecodedPart | null;
  /** Puts the pixels in their place. @returns false, with nothing written, unless they are all of the part, in three colours */
  place(pieces: readonly Uint8Array[], part: PicturePart, place: PixelPlace): boolean;
}

/**
 * Makes a {@link FastDecoder} of its WebAssembly. It is text, as what a worker runs is. Processors without vectors of 128
 * bits do without it.
 */
export const FAST_SOURCE = `(wasm) => {
  const module = WebAssembly.validate(wasm) ? new WebAssembly.Module(wasm) : null;
  const start = () => (module === null ? null : new WebAssembly.Instance(module).exports);
  let fast = start();
  let memory = new Uint8Array(0);
  const run = (pieces, { left, top, width, height }) => {
    let length = 0;
    for (const piece of pieces) length += piece.length;
    let at = fast === null ? 0 : fast.reserve(length);
    if (at === 0) return null;
    if (memory.buffer !== fast.memory.buffer) memory = new Uint8Array(fast.memory.buffer);
    for (const piece of pieces) {
      memory.set(piece, at);
      at += piece.length;
    }
    if (fast.decode(length, left, top, left + width, top + height) !== 0) return null;
    if (memory.buffer !== fast.memory.buffer) memory = new Uint8Array(fast.memory.buffer);
    return { width: fast.width(), height: fast.height(), channels: fast.channels() };
  };
  const copy = ({ width, height, channels }, data, offset, stride) => {
    const row = width * channels;
    const step = fast.stride();
    let from = fast.output();
    if (row === step && row === stride) return data.set(memory.subarray(from, from + row * height), offset);
    for (let to = offset, end = offset + height * stride; to < end; to += stride, from += step) {
      data.set(memory.subarray(from, from + row), to);
    }
  };
  const guarded = (work, otherwise) => {
    try {
      return work();
    } catch (cause) {
      // A stream that leads it out of its memory is for the other decoder to judge.
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
      fast = start();
      return otherwise;
    }
  };
  return {
    decode: (pieces, into, part) =>
      guarded(() => {
        const found = run(pieces, part);
        if (found === null) return null;
        const row = found.width * found.channels;
        const length = row * found.height;
        const data = length <= into.byteLength ? new Uint8Array(into, 0, length) : new Uint8Array(length);
        copy(found, data, 0, row);
        return { ...found, data };
      }, null),
    place: (pieces, part, { data, offset, stride }) =>
      guarded(() => {
        const found = run(pieces, part);
        if (found === null || found.channels !== 3) return false;
        if (found.width !== part.width || found.height !== part.height) return false;
        copy(found, data, offset, stride);
        return true;
      }, false),
  };
}`;

export const FAST_WASM = Buffer.from(JPEG_ASSEMBLY, "base64");

let here: FastDecoder | null = null;

/** The fast decoder in this thread. */
export function fastDecoder(): FastDecoder {
  if (here !== null) return here;
  const make: (wasm: Uint8Array) => FastDecoder = runInThisContext(FAST_SOURCE);
  here = make(FAST_WASM);
  return here;
}
