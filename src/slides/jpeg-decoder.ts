import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { markRecyclable, takeTileBuffer } from "./tile-buffers.js";

/** Decoded samples: RGB, or grey when the stream has one component. */
export interface DecodedJpeg {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
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
 * What a worker runs. It is text so that the same file works compiled, in tests and in bundles; a stream that
 * fails leaves its decoder in an unknown state, so the next one gets a new instance.
 */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const quiet = { print() {}, printErr() {} };
let loading = null;
async function load() {
  const codec = await require(workerData)(quiet);
  return new codec.JPEGDecoder();
}
async function decode(bytes, into) {
  loading ??= load();
  const decoder = await loading;
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, componentCount } = decoder.getFrameInfo();
    const decoded = decoder.getDecodedBuffer();
    if (width === 0 || decoded.length !== width * height * componentCount) return null;
    const data = decoded.length === into.byteLength ? new Uint8Array(into) : new Uint8Array(decoded.length);
    data.set(decoded);
    return { width, height, channels: componentCount, data };
  } catch {
    loading = null;
    return null;
  }
}
parentPort.on("message", async ({ id, bytes, into }) => {
  const image = await decode(bytes, into);
  parentPort.postMessage({ id, image }, image === null ? [] : [image.data.buffer]);
});
`;

/** A thread that decodes one stream after another. */
class DecodingThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor() {
    const codec = createRequire(import.meta.url).resolve(
      "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs",
    );
    this.#worker = new Worker(WORKER, { eval: true, workerData: codec });
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
 * Decodes a baseline or progressive JPEG of 8 bits with libjpeg-turbo in WebAssembly, on threads of its own: the
 * pixels are libjpeg's to the bit, at half the processor time of a whole image pipeline per tile.
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
