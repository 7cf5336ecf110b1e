import { spawn } from "node:child_process";
import { appendFile, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { findTissue, readArea } from "../../src/dataset/index.js";
import type { TiledRaster } from "../../src/inference/export/raster.js";
import { segmentImage } from "../../src/inference/index.js";
import {
  type SegmentSlideOptions,
  type SlideSegmentation,
  segmentSlide,
} from "../../src/inference/slides/segment-slide.js";
import { errorOf, temporaryFolder } from "../dataset/fixtures.js";
import { builtArguments } from "../support/built-processes.js";
import { memorySlide } from "../support/memory-slide.js";
import { itWith, noPosix } from "../support/requirements.js";
import { colourfulSlide, layoutOf, PATCH, stubSegmenter } from "./support/stub-slide.js";

/** All pixels of a raster. */
async function pixelsOf(raster: TiledRaster): Promise<Uint8Array> {
  const { width, height, tileSize } = raster;
  const data = new Uint8Array(width * height);
  for (let top = 0; top < height; top += tileSize) {
    for (let left = 0; left < width; left += tileSize) {
      const tile = await raster.readTile(left / tileSize, top / tileSize);
      if (tile === null) continue;
      const columns = Math.min(tileSize, width - left);
      for (let y = 0; y < Math.min(tileSize, height - top); y++) {
        data.set(tile.subarray(y * tileSize, y * tileSize + columns), (top + y) * width + left);
      }
    }
  }
  return data;
}

async function allPixels({ mask, probability, activation }: SlideSegmentation) {
  return {
    mask: await pixelsOf(mask),
    probability: await pixelsOf(probability),
    activation: await pixelsOf(activation),
  };
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let at = 0; at < a.length; at++) most = Math.max(most, Math.abs((a[at] ?? 0) - (b[at] ?? 0)));
  return most;
}

async function optionsFor(
  source: ReturnType<typeof colourfulSlide>,
  changes: Partial<SegmentSlideOptions> = {},
): Promise<SegmentSlideOptions> {
  const workDirectory = join(await temporaryFolder(), "work");
  return {
    name: "made-up",
    layout: layoutOf(source),
    tissue: null,
    workDirectory,
    identity: "test",
    ...changes,
  };
}

describe("segmenting a slide", () => {
  it.each([
    ["larger than a tile of the rasters", 560, 130, { level: 0 }],
    ["at a stored level", 400, 300, { level: 1 }],
    ["resampled", 200, 150, { mpp: 0.83 }],
    ["smaller than a patch", 20, 50, { level: 0 }],
  ] as const)("gives what segmenting it as an image gives: %s", async (_, width, height, resolution) => {
    const source = colourfulSlide(width, height);
    const layout = layoutOf(source, { resolution });
    const options = await optionsFor(source, { layout });
    const result = await segmentSlide(stubSegmenter(), source, options);
    const image = await readArea(source, { x: 0, y: 0 }, layout, layout.geometry);
    const expected = await segmentImage(stubSegmenter(), image, { name: "made-up", overlap: 0.5 });
    const { mask, probability, activation } = await allPixels(result);
    // Patches are kept in 8 bits: half a level each, and half a level more where they are blended.
    expect(
      farthest(
        probability,
        expected.probability.data.map((value) => 255 * value),
      ),
    ).toBeLessThan(1.01);
    expect(
      farthest(
        activation,
        expected.activation.data.map((value) => 255 * value),
      ),
    ).toBeLessThan(1.01);
    expect(mask).toEqual(probability.map((level) => (level > 127 ? 255 : 0)));
    expect(result.patches.map(({ x, y, outcome }) => [x, y, outcome])).toEqual(
      expected.patches.map(({ x, y, outcome }) => [x, y, outcome]),
    );
    const { lattice, tissue, belowGate, segmented } = result.counts;
    expect([lattice, tissue, belowGate + segmented]).toEqual(Array(3).fill(expected.patches.length));
    await result.discard();
    await expect(stat(options.workDirectory)).rejects.toThrow("ENOENT");
  });

  it("is constant where patches are, without seams", async () => {
    const source = memorySlide("even.tif", 300, 90, () => [200, 200, 100]);
    const result = await segmentSlide(stubSegmenter(), source, await optionsFor(source));
    const { mask, probability } = await allPixels(result);
    await result.close();
    expect(new Set(probability)).toEqual(new Set([200]));
    expect(new Set(mask)).toEqual(new Set([255]));
  });

  it("looks at patches with tissue alone, and changes nothing inside it", async () => {
    // Pink as tissue: what is green or blue would be ink.
    const source = memorySlide("tissue.tif", 1100, 160, (x, y) =>
      x >= 400 ? [255, 255, 255] : [120 + 2 * ((x + 2 * y) % 61), 40 + ((x + y) % 17), 100],
    );
    const tissue = await findTissue(source, "otsu");
    const some = await segmentSlide(stubSegmenter(), source, await optionsFor(source, { tissue }));
    const all = await segmentSlide(stubSegmenter(), source, await optionsFor(source));
    expect(some.counts.lattice).toBe(all.counts.lattice);
    expect(some.counts.tissue).toBeLessThan(all.counts.tissue / 2);
    expect(Math.max(...some.patches.map(({ x }) => x))).toBeGreaterThan(400 - PATCH);
    const [ofSome, ofAll] = [await pixelsOf(some.probability), await pixelsOf(all.probability)];
    for (let y = 0; y < 160; y += 7) {
      expect(ofSome.subarray(y * 1100, y * 1100 + 400 - PATCH)).toEqual(
        ofAll.subarray(y * 1100, y * 1100 + 400 - PATCH),
      );
    }
    expect(await some.probability.readTile(2, 0)).toBeNull();
    await Promise.all([some.close(), all.close()]);
  });

  it("reads no region larger than a patch and what the filter needs", async () => {
    const source = colourfulSlide(600, 600);
    const layout = layoutOf(source, { resolution: { mpp: 0.75 } });
    const result = await segmentSlide(stubSegmenter(), source, await optionsFor(source, { layout }));
    await result.close();
    expect(source.largestRead()).toBeLessThanOrEqual((PATCH * 1.5 + 8) ** 2);
  });
});

describe("a slide whose segmentation was interrupted", () => {
  const [width, height] = [200, 150];

  async function uninterrupted() {
    const source = colourfulSlide(width, height);
    const result = await segmentSlide(stubSegmenter(), source, await optionsFor(source));
    const pixels = await allPixels(result);
    await result.close();
    return { pixels, patches: result.patches };
  }

  it("goes on at the patch after a kill, to the same bytes", async () => {
    const source = colourfulSlide(width, height);
    const options = await optionsFor(source);
    const killed = await killAfter(20, options.workDirectory);
    expect(killed).toBe("SIGKILL");
    let begun: number | undefined;
    const onPatch = (done: number) => {
      begun ??= done;
    };
    const result = await segmentSlide(stubSegmenter(), source, { ...options, onPatch });
    expect(begun).toBeGreaterThanOrEqual(20);
    expect(result.resumed).toBe(begun);
    const expected = await uninterrupted();
    expect(result.patches).toEqual(expected.patches);
    expect(await allPixels(result)).toEqual(expected.pixels);
    await result.close();
  }, 120_000);

  /** Segments in a child process and kills it outright when it has finished some patches. */
  async function killAfter(patches: number, workDirectory: string): Promise<NodeJS.Signals | null> {
    const script = join(import.meta.dirname, "support", "slide-child.ts");
    const words = ["--import", "tsx", script, workDirectory, String(width), String(height)];
    const child = spawn(process.execPath, words, { cwd: join(import.meta.dirname, "..", "..") });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.on("exit", (_, signal) => resolve(signal)),
    );
    let errors = "";
    child.stderr.on("data", (text: Buffer) => {
      errors += text.toString("utf8");
    });
    for await (const line of createInterface({ input: child.stdout })) {
      if (Number(line) === patches) child.kill("SIGKILL");
    }
    const signal = await ended;
    if (signal === null) throw new Error(`the child ended by itself: ${errors}`);
    return signal;
  }

  itWith(
    "posix",
    noPosix,
    "goes on when the disk was full, which is said",
    async () => {
      const source = colourfulSlide(width, height);
      const options = await optionsFor(source);
      const script = join(import.meta.dirname, "support", "slide-child.ts");
      // A limit on the size of files, in blocks of 1024 bytes, stands for the full disk.
      const limited = 'ulimit -f 12; exec "$0" "$@"';
      const words = builtArguments([
        "--import",
        "tsx",
        script,
        options.workDirectory,
        `${width}`,
        `${height}`,
      ]);
      const child = spawn("bash", ["-c", limited, process.execPath, ...words], {
        cwd: join(import.meta.dirname, "..", ".."),
      });
      let errors = "";
      child.stdout.resume();
      child.stderr.on("data", (text: Buffer) => {
        errors += text.toString("utf8");
      });
      const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
      expect(errors).toMatch(/patches\.log: cannot be written .*Free disk space/);
      expect(code).toBe(1);
      const result = await segmentSlide(stubSegmenter(), source, options);
      expect(result.resumed).toBeGreaterThan(5);
      expect(result.resumed).toBeLessThan(result.patches.length);
      expect(await allPixels(result)).toEqual((await uninterrupted()).pixels);
      await result.close();
    },
    120_000,
  );

  it("goes on after an abort, which leaves no patch half done", async () => {
    const source = colourfulSlide(width, height);
    const options = await optionsFor(source);
    const controller = new AbortController();
    const onPatch = (done: number) => {
      if (done === 7) controller.abort();
    };
    const work = segmentSlide(stubSegmenter(), source, { ...options, onPatch, signal: controller.signal });
    await expect(work).rejects.toThrow("aborted");
    const result = await segmentSlide(stubSegmenter(), source, options);
    expect(result.resumed).toBeGreaterThanOrEqual(7);
    expect(await allPixels(result)).toEqual((await uninterrupted()).pixels);
    await result.close();
  });

  it.each([
    ["torn", async (file: string) => truncate(file, (await stat(file)).size - 3)],
    [
      "followed by rubbish",
      async (file: string) => appendFile(file, "rubbish that is no record of a patch at all, ever, anywhere"),
    ],
  ])("does a last patch again whose record is %s", async (_, damage) => {
    const source = colourfulSlide(width, height);
    const options = await optionsFor(source);
    const first = await segmentSlide(stubSegmenter(), source, options);
    const pixels = await allPixels(first);
    await first.close();
    const log = join(options.workDirectory, "patches.log");
    const before = await readFile(log);
    await damage(log);
    const again = await segmentSlide(stubSegmenter(), source, options);
    expect(await allPixels(again)).toEqual(pixels);
    await again.close();
    expect(await readFile(log)).toEqual(before);
  });

  it("is not mixed with another model's, unless it may be replaced", async () => {
    const source = colourfulSlide(width, height);
    const options = await optionsFor(source);
    await (await segmentSlide(stubSegmenter(), source, options)).close();
    const other = { ...options, identity: "another model" };
    const message = await errorOf(segmentSlide(stubSegmenter(), source, other));
    expect(message).toMatch(/^\[usage\].*work: was begun with another model.*`overwrite: true`/);
    const replaced = await segmentSlide(stubSegmenter(), source, { ...other, overwrite: true });
    expect(replaced.resumed).toBe(0);
    await replaced.close();
  });

  it("keeps its finished patches when the slide turns out to be damaged", async () => {
    const sound = colourfulSlide(width, height);
    const box = { left: 100, top: 100, right: 110, bottom: 110 };
    const damaged = {
      ...sound,
      readRegion: async (region: Parameters<typeof sound.readRegion>[0]) => {
        const { x, y } = region.origin;
        if (x < box.right && x + region.width > box.left && y < box.bottom && y + region.height > box.top) {
          return memorySlide("damaged.tif", 1, 1, () => [0, 0, 0], { damaged: box }).readRegion({
            ...region,
            level: 0,
            origin: { space: "level-0", x: 100, y: 100 },
          });
        }
        return sound.readRegion(region);
      },
    };
    const options = await optionsFor(sound);
    expect(await errorOf(segmentSlide(stubSegmenter(), damaged, options))).toMatch(
      /^\[slide\].*damaged tile/,
    );
    const result = await segmentSlide(stubSegmenter(), sound, options);
    expect(result.resumed).toBeGreaterThan(10);
    expect(await allPixels(result)).toEqual((await uninterrupted()).pixels);
    await result.close();
  });
});
