import { createInterface } from "node:readline";
import { peakBytes } from "../../bench/peak-memory.js";
import { isEpSamError } from "../../src/common/index.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";

/** What became of a file; one line of JSON. */
export interface SlideOutcome {
  readonly path: string;
  /** "read", or the tag of the error, or "crash" for anything else that was thrown. */
  readonly outcome: string;
  readonly message: string;
  readonly warnings: readonly string[];
  /** Of this process and all its threads. */
  readonly cpuSeconds: number;
  /** Largest resident set so far. */
  readonly peakMegabytes: number;
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

// Starting takes seconds on a busy machine and is no file's fault.
process.stdout.write("ready\n");
for await (const path of createInterface({ input: process.stdin })) {
  const before = process.cpuUsage();
  const result = await outcomeOf(path);
  const { user, system } = process.cpuUsage(before);
  const line: SlideOutcome = {
    path,
    ...result,
    cpuSeconds: (user + system) / 1e6,
    peakMegabytes: (await peakBytes()) / 2 ** 20,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
