import { createInterface } from "node:readline";
import { peakBytes, resetPeak } from "../../bench/peak-memory.js";
import { isEpSamError } from "../../src/common/index.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";
import { processorStopwatch } from "./processor-time.js";

/** What became of a file; one line of JSON. */
export interface SlideOutcome {
  readonly path: string;
  /** "read", or the tag of the error, or "crash" for anything else that was thrown. */
  readonly outcome: string;
  readonly message: string;
  readonly warnings: readonly string[];
  /** Processor time of all threads for this file, see {@link processorStopwatch}. */
  readonly processorSeconds: number;
  /** Most memory held during this file beyond what the process holds when it has collected its garbage before. */
  readonly addedMegabytes: number;
}

/** Most of a level that is read, in pixels a side. */
const MOST = 512;

/** Corners and the middle of every level, where the most tiles meet, and all associated images. */
async function readEverything(slide: PixelSource): Promise<void> {
  for (const [level, { width, height, downsample }] of slide.levels.entries()) {
    const size = { width: Math.min(MOST, width), height: Math.min(MOST, height) };
    for (const part of [0, 0.5, 1]) {
      const x = Math.floor((width - size.width) * part * downsample);
      const y = Math.floor((height - size.height) * part * downsample);
      await slide.readRegion({ origin: { space: "level-0", x, y }, level, ...size });
    }
    await slide.readCompressedTile?.(level, 0, 0);
  }
  for (const name of slide.associatedImages) await slide.readAssociatedImage(name);
}

async function outcomeOf(path: string): Promise<Pick<SlideOutcome, "outcome" | "message" | "warnings">> {
  let slide: PixelSource | null = null;
  try {
    slide = await openSlide(path);
    await readEverything(slide);
    return { outcome: "read", message: "", warnings: slide.warnings };
  } catch (thrown) {
    const message = thrown instanceof Error ? `${thrown.message}` : String(thrown);
    return { outcome: isEpSamError(thrown) ? thrown.tag : "crash", message, warnings: slide?.warnings ?? [] };
  } finally {
    await slide?.close();
  }
}

/** What is held at the least, in bytes, where the peak is counted from now on; elsewhere the peak so far. */
async function collectGarbage(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error("run this with --expose-gc");
  // The second time takes what the first let go of: buffers, and objects of native libraries.
  for (let turn = 0; turn < 2; turn++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await resetPeak();
  return peakBytes();
}

// Starting takes seconds on a busy machine and is no file's fault.
process.stdout.write("ready\n");
for await (const path of createInterface({ input: process.stdin })) {
  const base = await collectGarbage();
  const stopwatch = processorStopwatch();
  const result = await outcomeOf(path);
  const line: SlideOutcome = {
    path,
    ...result,
    processorSeconds: stopwatch(),
    addedMegabytes: ((await peakBytes()) - base) / 2 ** 20,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
