import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { runInThisContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { JPEG_ASSEMBLY } from "./jpeg-assembly.js";
import { markRecyclable, takeTileBuffer } from "./tile-buffers.js";

/** Decoded samples: RGB, or grey when the stream has one component. */
export interface DecodedJpeg {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
  /** Which decoder took the stream: the fast one for baseline streams, or the complete one. */
  readonly decoder: "fast" | "complete";
}

interface Answer {
  readonly id: number;
  /** Null when the decoder complained. */
  readonly image: DecodedJpeg | null;
}

interface Waiting {
  resolve(image: DecodedJpeg | null): void;
  reject(cause: unknown): void;
}

/** More workers than this gain nothing: files and callers are slower then. */
const MOST_WORKERS = 4;

/** A rectangle of a picture's pixels. */
export interface PicturePart {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface DecodedPart {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** The fast decoder in one thread. */
interface FastDecoder {
  /** Null for a stream that is for the other decoder to judge. */
  decode(bytes: Uint8Array, into: ArrayBuffer, part: PicturePart): DecodedPart | null;
}

/**
 * Makes a {@link FastDecoder} of its WebAssembly. It is text, as what a worker runs is. Processors without vectors of 128
 * bits do without it.
 */
const FAST = `(wasm) => {
  const module = WebAssembly.validate(wasm) ? new WebAssembly.Module(wasm) : null;
  const start = () => (module === null ? null : new WebAssembly.Instance(module).exports);
  let fast = start();
  const decode = (bytes, into, { left, top, width, height }) => {
    const at = fast === null ? 0 : fast.reserve(bytes.length);
    if (at === 0) return null;
    new Uint8Array(fast.memory.buffer, at, bytes.length).set(bytes);
    if (fast.decode(bytes.length, left, top, left + width, top + height) !== 0) return null;
    const found = { width: fast.width(), height: fast.height(), channels: fast.channels() };
    const length = found.width * found.height * found.channels;
    const data = length <= into.byteLength ? new Uint8Array(into, 0, length) : new Uint8Array(length);
    data.set(new Uint8Array(fast.memory.buffer, fast.output(), length));
    return { ...found, data };
  };
  return {
    decode(bytes, into, part) {
      try {
        return decode(bytes, into, part);
      } catch {
        // A stream that leads it out of its memory is for the other decoder to judge.
        fast = start();
        return null;
      }
    },
  };
}`;

/**
 * What a worker runs. It is text so that the same file works compiled, in tests and in bundles. Streams that the fast
 * decoder leaves go to libjpeg-turbo; one that fails there leaves that in an unknown state, so the next one gets a new
 * instance.
 */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const fast = (${FAST})(workerData.fast);
let loading = null;
async function load() {
  // The codec keeps its classes in the object that it is given, so each instance gets one of its own.
  const codec = await require(workerData.codec)({ print() {}, printErr() {} });
  return new codec.JPEGDecoder();
}
function copy(pixels, into) {
  const data = pixels.length === into.byteLength ? new Uint8Array(into) : new Uint8Array(pixels.length);
  data.set(pixels);
  return data;
}
async function decodeAny(bytes, into) {
  loading ??= load();
  const decoder = await loading;
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, componentCount } = decoder.getFrameInfo();
    const decoded = decoder.getDecodedBuffer();
    if (width === 0 || decoded.length !== width * height * componentCount) return null;
    return { width, height, channels: componentCount, data: copy(decoded, into), decoder: "complete" };
  } catch {
    loading = null;
    return null;
  }
}
parentPort.on("message", async ({ id, bytes, into, part }) => {
  const found = fast.decode(bytes, into, part);
  const image = found === null ? await decodeAny(bytes, into) : { ...found, decoder: "fast" };
  parentPort.postMessage({ id, image }, image === null ? [] : [image.data.buffer]);
});
`;

const FAST_DECODER = Buffer.from(JPEG_ASSEMBLY, "base64");

/** A thread that decodes one stream after another. */
class DecodingThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor() {
    const codec = createRequire(import.meta.url).resolve(
      "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs",
    );
    this.#worker = new Worker(WORKER, { eval: true, workerData: { codec, fast: FAST_DECODER } });
    this.#worker.unref();
    this.#worker.on("message", ({ id, image }: Answer) => {
      if (image !== null) markRecyclable(image.data);
      this.#settle(id)?.resolve(image);
    });
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", () => this.#fail(new Error("the decoding thread ended")));
  }

  get load(): number {
    return this.#waiting.size;
  }

  decode(bytes: Uint8Array, into: ArrayBuffer, part: PicturePart): Promise<DecodedJpeg | null> {
    const id = this.#next++;
    // A thread with work keeps the process alive, an idle one does not.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, bytes, into, part }, [into]);
    });
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #fail(cause: unknown): void {
    threads.delete(this);
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(cause);
  }
}

const threads = new Set<DecodingThread>();

/** The largest picture that JPEG knows. */
const WHOLE: PicturePart = { left: 0, top: 0, width: 0xffff, height: 0xffff };

/** With one core, another thread would only cost its messages. */
const fastHere = availableParallelism() === 1 ? makeFast(FAST_DECODER) : null;

function makeFast(wasm: Uint8Array): FastDecoder {
  const make: (wasm: Uint8Array) => FastDecoder = runInThisContext(FAST);
  return make(wasm);
}

/**
 * Decodes a baseline or progressive JPEG of 8 bits in WebAssembly to libjpeg's pixels: nearly all tiles by
 * `assembly/jpeg`, which uses vectors, the others by libjpeg-turbo; on threads of its own where there are cores for them.
 * @param picture as the stream's header tells
 * @param part what is wanted of it; all unless told
 * @returns that part, or the whole picture by the decoder that knows no parts; null when a decoder finds anything wrong
 *   with the stream, warnings included
 */
export async function decodeJpegStream(
  bytes: Uint8Array,
  picture: { readonly width: number; readonly height: number; readonly components: number },
  part: PicturePart = WHOLE,
): Promise<DecodedJpeg | null> {
  // Of the whole picture's size for parts, too: buffers of one size are used again.
  const into = takeTileBuffer(picture.width * picture.height * picture.components);
  const found = fastHere?.decode(bytes, into, part) ?? null;
  if (found === null) return idlest().decode(bytes, into, part);
  markRecyclable(found.data);
  return { ...found, decoder: "fast" };
}

function idlest(): DecodingThread {
  const idle = [...threads].find((thread) => thread.load === 0);
  if (idle !== undefined) return idle;
  if (threads.size < Math.min(MOST_WORKERS, availableParallelism())) {
    const thread = new DecodingThread();
    threads.add(thread);
    return thread;
  }
  const [first, ...others] = threads;
  if (first === undefined) throw new Error("no decoding thread");
  return others.reduce((least, thread) => (thread.load < least.load ? thread : least), first);
}
