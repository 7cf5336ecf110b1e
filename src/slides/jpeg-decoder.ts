import { availableParallelism } from "node:os";
import { must } from "../common/index.js";
import { fastDecoder, type PicturePart } from "./jpeg-fast.js";
import { type DecodedJpeg, DecodingThread } from "./jpeg-thread.js";
import type { PixelPlace } from "./region.js";
import { markRecyclable, takeTileBuffer } from "./tile-buffers.js";

/** More threads than this gain nothing: files and callers are slower then. */
const MOST_THREADS = 4;
/** Streams that each thread has, so that it need not wait for this one to hear that it is done. */
const AHEAD = 2;
/** Largest picture that is decoded here while threads are busy; a server answers between two of them. */
const MOST_PIXELS_HERE = 2 ** 18;

const cores = availableParallelism();
/** This thread has work of its own, and helps. */
const threadCount = Math.min(MOST_THREADS, Math.max(1, cores - 1));
const threads = new Set<DecodingThread>();

/** What a stream's header tells. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

interface Job {
  readonly pieces: readonly Uint8Array[];
  readonly picture: Picture;
  readonly part: PicturePart;
  readonly place: PixelPlace | null;
  resolve(image: DecodedJpeg | "placed" | null): void;
  reject(cause: unknown): void;
}

/** Streams that no thread has yet, in the order in which they came. */
const queue: Job[] = [];
let isHelping = false;

/** The largest picture that JPEG knows. */
const WHOLE: PicturePart = { left: 0, top: 0, width: 0xffff, height: 0xffff };

/**
 * Decodes a baseline or progressive JPEG of 8 bits in WebAssembly to libjpeg's pixels: nearly all tiles by
 * `assembly/jpeg`, which uses vectors, the others by libjpeg-turbo; in this thread and, where there are cores for them, on
 * threads of its own.
 * @param stream whole, or in pieces that follow each other; nobody may change them until the picture is there
 * @param picture as the stream's header tells
 * @param part what is wanted of it, inside the picture; all unless told
 * @param place where that part goes, as RGB, if it can be put there at once
 * @returns that part, or the whole picture by the decoder that knows no parts; "placed" when all of the part is in its place;
 *   null when a decoder finds anything wrong with the stream, warnings included
 */
export function decodeJpegStream(
  stream: Uint8Array | readonly Uint8Array[],
  picture: Picture,
  part?: PicturePart,
): Promise<DecodedJpeg | null>;
export function decodeJpegStream(
  stream: Uint8Array | readonly Uint8Array[],
  picture: Picture,
  part: PicturePart,
  place: PixelPlace,
): Promise<DecodedJpeg | "placed" | null>;
export function decodeJpegStream(
  stream: Uint8Array | readonly Uint8Array[],
  picture: Picture,
  part: PicturePart = WHOLE,
  place: PixelPlace | null = null,
): Promise<DecodedJpeg | "placed" | null> {
  const pieces = stream instanceof Uint8Array ? [stream] : stream;
  return new Promise((resolve, reject) => {
    const job = { pieces, picture, part, place, resolve, reject };
    // With one core, another thread would only cost its messages.
    if (cores === 1) decodeHere(job);
    else {
      queue.push(job);
      fillThreads();
    }
  });
}

function decodeHere(job: Job): void {
  const { pieces, part, place } = job;
  const fast = fastDecoder();
  if (place !== null && fast.place(pieces, part, place)) {
    job.resolve("placed");
    return;
  }
  const found = fast.decode(pieces, bufferFor(job), part);
  if (found === null) {
    handOver(job, idlest());
    return;
  }
  markRecyclable(found.data);
  job.resolve({ ...found, decoder: "fast" });
}

/** Of the whole picture's size for parts, too: buffers of one size are used again. */
function bufferFor({ picture }: Job): ArrayBuffer {
  return takeTileBuffer(picture.width * picture.height * picture.components);
}

/** Gives threads what they have room for; what is left over then is worth the time of this one. */
function fillThreads(): void {
  while (queue.length > 0) {
    const thread = idlest();
    if (thread.load >= AHEAD) break;
    handOver(must(queue, 0, "stream"), thread);
    queue.shift();
  }
  if (queue.length === 0 || isHelping) return;
  isHelping = true;
  // One at a time, with a turn of the event loop between them, in which threads get more.
  setImmediate(() => {
    isHelping = false;
    const [first] = queue;
    if (first === undefined || first.picture.width * first.picture.height > MOST_PIXELS_HERE) return;
    queue.shift();
    try {
      decodeHere(first);
    } catch (cause) {
      first.reject(cause);
    }
    fillThreads();
  });
}

function handOver(job: Job, thread: DecodingThread): void {
  const decoded = thread.decode(job.pieces, bufferFor(job), job.part);
  void decoded.then(job.resolve, job.reject).finally(fillThreads);
}

function idlest(): DecodingThread {
  const idle = [...threads].find((thread) => thread.load === 0);
  if (idle !== undefined) return idle;
  if (threads.size < threadCount) {
    const thread = new DecodingThread((gone) => threads.delete(gone));
    threads.add(thread);
    return thread;
  }
  const [first, ...others] = threads;
  if (first === undefined) throw new Error("no decoding thread");
  return others.reduce((least, thread) => (thread.load < least.load ? thread : least), first);
}
