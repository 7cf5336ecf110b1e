import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
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

/**
 * What a worker runs. It is text so that the same file works compiled, in tests and in bundles. Streams that the fast
 * decoder leaves go to libjpeg-turbo; one that fails there leaves that in an unknown state, so the next one gets a new
 * instance.
 */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
// Processors without vectors of 128 bits do without it.
const fastModule = WebAssembly.validate(workerData.fast) ? new WebAssembly.Module(workerData.fast) : null;
const startFast = () => (fastModule === null ? null : new WebAssembly.Instance(fastModule).exports);
let fast = startFast();
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
function tryFast(bytes, into) {
  try {
    return decodeFast(bytes, into);
  } catch {
    // A stream that leads it out of its memory is for the other decoder to judge.
    fast = startFast();
    return null;
  }
}
function decodeFast(bytes, into) {
  const at = fast === null ? 0 : fast.reserve(bytes.length);
  if (at === 0) return null;
  new Uint8Array(fast.memory.buffer, at, bytes.length).set(bytes);
  if (fast.decode(bytes.length) !== 0) return null;
  const [width, height, channels] = [fast.width(), fast.height(), fast.channels()];
  const pixels = new Uint8Array(fast.memory.buffer, fast.output(), width * height * channels);
  return { width, height, channels, data: copy(pixels, into), decoder: "fast" };
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
parentPort.on("message", async ({ id, bytes, into }) => {
  const image = tryFast(bytes, into) ?? (await decodeAny(bytes, into));
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

  decode(bytes: Uint8Array, length: number): Promise<DecodedJpeg | null> {
    const id = this.#next++;
    // A thread with work keeps the process alive, an idle one does not.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const into = takeTileBuffer(length);
      this.#worker.postMessage({ id, bytes, into }, [into]);
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

/**
 * Decodes a baseline or progressive JPEG of 8 bits in WebAssembly, on threads of its own, to libjpeg's pixels: nearly
 * all tiles by `assembly/jpeg`, which uses vectors, the others by libjpeg-turbo.
 * @param length of the pixels in bytes, as the stream's header tells
 * @returns null when the decoder finds anything wrong with the stream, warnings included
 */
export function decodeJpegStream(bytes: Uint8Array, length: number): Promise<DecodedJpeg | null> {
  const idle = [...threads].find((thread) => thread.load === 0);
  if (idle !== undefined) return idle.decode(bytes, length);
  if (threads.size < Math.min(MOST_WORKERS, availableParallelism())) {
    const thread = new DecodingThread();
    threads.add(thread);
    return thread.decode(bytes, length);
  }
  const [first, ...others] = threads;
  if (first === undefined) throw new Error("no decoding thread");
  return others
    .reduce((least, thread) => (thread.load < least.load ? thread : least), first)
    .decode(bytes, length);
}
