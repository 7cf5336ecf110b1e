import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { joinedBytes } from "../common/index.js";
import { type DecodedPart, FAST_SOURCE, FAST_WASM, type PicturePart } from "./jpeg-fast.js";
import { markRecyclable } from "./tile-buffers.js";

/** A part, and which decoder took the stream: the fast one for baseline streams, or the complete one, which knows no parts. */
export interface DecodedJpeg extends DecodedPart {
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

/**
 * What a worker runs. It is text so that the same file works compiled, in tests and in bundles. Streams that the fast
 * decoder leaves go to libjpeg-turbo; one that fails there leaves that in an unknown state, so the next one gets a new
 * instance.
 */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const fast = (${FAST_SOURCE})(workerData.fast);
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
  const found = fast.decode([bytes], into, part);
  const image = found === null ? await decodeAny(bytes, into) : { ...found, decoder: "fast" };
  parentPort.postMessage({ id, image }, image === null ? [] : [image.data.buffer]);
});
`;

/** A thread that decodes one stream after another. */
export class DecodingThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnd: (thread: DecodingThread) => void;
  #next = 0;

  /** @param onEnd is told when the thread is gone, before those who wait */
  constructor(onEnd: (thread: DecodingThread) => void) {
    this.#onEnd = onEnd;
    const codec = createRequire(import.meta.url).resolve(
      "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs",
    );
    this.#worker = new Worker(WORKER, { eval: true, workerData: { codec, fast: FAST_WASM } });
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

  decode(pieces: readonly Uint8Array[], into: ArrayBuffer, part: PicturePart): Promise<DecodedJpeg | null> {
    const id = this.#next++;
    // A thread with work keeps the process alive, an idle one does not.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const bytes = joinedBytes(pieces);
      this.#worker.postMessage({ id, bytes, into, part }, [into, bytes.buffer]);
    });
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #fail(cause: unknown): void {
    this.#onEnd(this);
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(cause);
  }
}
