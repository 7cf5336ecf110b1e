import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentReporter } from "../../src/common/index.js";
import type { DecodedMask, DecodeRequest, EmbeddingEntry, SegmenterEntry } from "../../src/contract/index.js";
import { promptArrays } from "../../src/contract/index.js";
import { areaOfLogits } from "../../src/geometry/index.js";
import { createServerContext } from "../../src/server/context.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { problemResponse } from "../../src/server/problem.js";
import { placePatch, readPatchAt } from "../../src/server/segmentation/patch-placement.js";
import { segmentationRoutes } from "../../src/server/segmentation/routes.js";
import { SegmentationProcess } from "../../src/server/segmentation/segmentation-process.js";
import { memorySlide } from "../support/memory-slide.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { makeTinyRun } from "../support/tiny-run.js";

const SIDE = 2000;
/** A dark disc of tissue on a light ground. */
const disc = { x: 1000, y: 900, radius: 180 };

function colourAt(x: number, y: number): readonly [number, number, number] {
  const noise = (x * 31 + y * 17) % 13;
  return Math.hypot(x - disc.x, y - disc.y) < disc.radius
    ? [120 + noise, 60, 140 + noise]
    : [235 - noise, 215, 230];
}

/** The JSON of an answer, of the contract's type. */
async function bodyOf<Body>(answer: Response | Promise<Response>): Promise<Body> {
  return (await (await answer).json()) as Body;
}

const slideOf = (path: string) =>
  memorySlide(path, SIDE, SIDE, colourAt, { micronsPerPixel: { x: 0.5, y: 0.5 } });

describe("the place of a patch", () => {
  const source = slideOf("/made-up.tif");
  const kind = { patchSize: 256, patchMpp: 0.5 };

  it("is around the click, in the pixels of a level where its resolution is one", () => {
    const { box, geometry } = placePatch(source, kind, { x: 1000, y: 900 });
    expect(box).toEqual({ space: "level-0", x: 872, y: 772, width: 256, height: 256 });
    expect(geometry).toMatchObject({ level: 0, pixelSize: { x: 1, y: 1 } });
    const coarse = placePatch(source, { patchSize: 256, patchMpp: 2 }, { x: 1000, y: 900 });
    expect(coarse.geometry).toMatchObject({ level: 1, pixelSize: { x: 4, y: 4 } });
    expect(coarse.box.width).toBe(1024);
    expect(coarse.box.x % 4).toBe(0);
  });

  it("is moved onto the slide, and as large as asked for", () => {
    expect(placePatch(source, kind, { x: 3, y: 1999 }).box).toMatchObject({ x: 0, y: SIDE - 256 });
    const wide = placePatch(source, kind, { x: 1000, y: 1000 }, 640);
    expect(wide.box).toMatchObject({ width: 640, height: 640 });
    expect(wide.geometry).toMatchObject({ level: 0, pixelSize: { x: 2.5, y: 2.5 } });
  });

  it("is refused outside the slide, too fine, or too large to read at once", () => {
    expect(() => placePatch(source, kind, { x: -1, y: 5 })).toThrow(/nothing of the slide/);
    expect(() => placePatch(source, kind, { x: Number.NaN, y: 5 })).toThrow(/nothing of the slide/);
    expect(() => placePatch(source, kind, { x: 5, y: 5 }, 10)).toThrow(/cannot be read/);
    const flat = { ...source, levels: source.levels.slice(0, 1) };
    expect(() => placePatch(flat, kind, { x: 5, y: 5 }, 1e6)).toThrow(/cannot be read/);
  });

  it("is read whole, continued by mirroring on a slide that is smaller", async () => {
    const small = memorySlide("/small.tif", 100, 80, (x, y) => [x, y, 0], { downsamples: [1] });
    const placement = placePatch(small, { patchSize: 128, patchMpp: null }, { x: 50, y: 40 });
    const image = await readPatchAt(small, placement);
    const pixel = (x: number, y: number) => [...image.data.slice((y * 128 + x) * 3, (y * 128 + x) * 3 + 2)];
    expect([image.width, image.height]).toEqual([128, 128]);
    expect([pixel(40, 30), pixel(100, 79), pixel(99, 80)]).toEqual([
      [40, 30],
      [98, 79],
      [99, 78],
    ]);
  });
});

describe("prompts for the decoder", () => {
  it("end with a padding point unless there is a box, whose corners they end with then", () => {
    const points = [{ space: "patch", x: 3, y: 4, label: 0 }] as const;
    const box = { space: "patch", left: 1, top: 2, right: 8, bottom: 9 } as const;
    expect(promptArrays({ points, box: null })).toEqual({
      coordinates: Float32Array.of(3, 4, 0, 0),
      labels: Float32Array.of(0, -1),
    });
    expect(promptArrays({ points, box })).toEqual({
      coordinates: Float32Array.of(3, 4, 1, 2, 8, 9),
      labels: Float32Array.of(0, 2, 3),
    });
  });
});

describe("segmenting with clicks", () => {
  const directory = temporaryDirectory();
  const ending = new AbortController();
  const app = new Hono();
  let slide = "";
  let reads = 0;
  const post = (path: string, body: unknown, signal?: AbortSignal) =>
    app.request(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
      ...(signal === undefined ? {} : { signal }),
    });
  const embed = (segmenter: string, extra = {}, signal?: AbortSignal) =>
    post(`/slides/${slide}/embeddings`, { segmenter, centre: { x: disc.x, y: disc.y }, ...extra }, signal);

  beforeAll(async () => {
    const run = await makeTinyRun(directory.path("clicks-run"), { patchSize: 96 });
    const context = createServerContext({
      stateDirectory: directory.path("state"),
      signal: ending.signal,
      reporter: silentReporter,
      openSlides: new OpenSlides({
        open: async (path) => {
          const source = slideOf(path);
          const readRegion: typeof source.readRegion = (...region) => {
            reads += 1;
            return source.readRegion(...region);
          };
          return { ...source, readRegion };
        },
      }),
    });
    slide = context.workspace.addSlide("/made-up.tif").id;
    context.workspace.addRun(run.root);
    context.workspace.addRun(directory.path("no-run"));
    app.onError(problemResponse);
    app.route("/", segmentationRoutes(context));
  }, 180_000);
  afterAll(() => ending.abort());

  it("offers the decoders of runs and SAM itself; what is no run is left out", async () => {
    const segmenters = await bodyOf<SegmenterEntry[]>(app.request("/segmenters"));
    expect(segmenters.map(({ stage, patchSize }) => [stage, patchSize])).toEqual([
      ["preliminary", 96],
      ["original", 1024],
    ]);
    expect(segmenters[0]?.title).toContain("clicks-run");
  });

  it("embeds a place once, answers others meanwhile, and decodes what the browser would", async () => {
    let isDone = false;
    const embedding = Promise.all([embed("sam", { side: 800 }), embed("sam", { side: 800 })]).finally(() => {
      isDone = true;
    });
    await app.request("/segmenters");
    expect(isDone).toBe(false);
    const [first, second] = await embedding;
    const entry = await bodyOf<EmbeddingEntry>(first);
    expect(await second.json()).toEqual(entry);
    expect(entry.box).toEqual({ space: "level-0", x: 600, y: 500, width: 800, height: 800 });
    expect(await bodyOf(embed("sam", { side: 800 }))).toEqual(entry);
    expect(reads).toBe(1);

    const bytes = await (await app.request(`/embeddings/${entry.id}`)).arrayBuffer();
    const answer = await app.request("/segmenters/sam/decoder");
    const decoder = new Uint8Array(await answer.arrayBuffer());
    const again = await app.request("/segmenters/sam/decoder", {
      headers: { "If-None-Match": answer.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);

    const prompt: DecodeRequest = { points: [{ space: "patch", x: 512, y: 512, label: 1 }], box: null };
    const mask = await bodyOf<DecodedMask>(post(`/embeddings/${entry.id}/mask`, prompt));
    const { coordinates, labels } = promptArrays(prompt);
    const session = await InferenceSession.create(decoder);
    const { logits, estimated_iou: iou } = await session.run({
      image_embedding: new Tensor("float32", new Float32Array(bytes), [1, 256, 64, 64]),
      point_coordinates: new Tensor("float32", coordinates, [1, labels.length, 2]),
      point_labels: new Tensor("float32", labels, [1, labels.length]),
    });
    await session.release();
    if (!(logits?.data instanceof Float32Array)) throw new Error("no logits");
    // The outline that the page draws of the same logits.
    const side = Math.sqrt(logits.data.length);
    expect(mask.area).toEqual(areaOfLogits({ width: side, height: side, data: logits.data }, entry.box));
    expect(Number(iou?.data[0])).toBeCloseTo(mask.estimatedIou, 4);

    // The disc, and not the ground around it.
    const [ring = []] = mask.area.coordinates[0] ?? [];
    const distances = ring.map(([x, y]) => Math.hypot(x - disc.x, y - disc.y));
    expect(Math.min(...distances)).toBeGreaterThan(disc.radius - 15);
    expect(Math.max(...distances)).toBeLessThan(disc.radius + 15);
  }, 180_000);

  it("takes boxes", async () => {
    const entry = await bodyOf<EmbeddingEntry>(embed("sam", { side: 800 }));
    const box = { space: "patch", left: 270, top: 270, right: 750, bottom: 750 };
    const mask = await bodyOf<DecodedMask>(post(`/embeddings/${entry.id}/mask`, { points: [], box }));
    const [ring = []] = mask.area.coordinates[0] ?? [];
    const distances = ring.map(([x, y]) => Math.hypot(x - disc.x, y - disc.y));
    expect(Math.min(...distances)).toBeGreaterThan(disc.radius - 15);
    expect(Math.max(...distances)).toBeLessThan(disc.radius + 15);
  }, 120_000);

  it("reads a run's patches at its own size", async () => {
    const segmenters = await bodyOf<SegmenterEntry[]>(app.request("/segmenters"));
    const entry = await bodyOf<EmbeddingEntry>(embed(segmenters[0]?.id ?? ""));
    expect(entry).toMatchObject({ patchSize: 96, box: { x: 952, y: 852, width: 96, height: 96 } });
  }, 120_000);

  it("refuses what is not there or cannot be", async () => {
    const entry = await bodyOf<EmbeddingEntry>(embed("sam", { side: 800 }));
    const nothing = { points: [], box: null };
    const far = { points: [{ space: "patch", x: 1e9, y: 0, label: 1 }], box: null };
    const statuses = await Promise.all([
      embed("no-such"),
      embed("sam", { centre: { x: -5, y: 0 } }),
      embed("sam", { side: 1 }),
      app.request("/embeddings/0123"),
      app.request("/segmenters/no-such/decoder"),
      post(`/embeddings/${entry.id}/mask`, nothing),
      post(`/embeddings/${entry.id}/mask`, far),
      post("/slides/no-such/embeddings", { segmenter: "sam", centre: { x: 1, y: 1 } }),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([404, 400, 400, 404, 404, 400, 400, 404]);
  }, 120_000);

  it("gives up when the client goes", async () => {
    const leaving = new AbortController();
    const answer = embed("sam", { side: 900 }, leaving.signal);
    leaving.abort();
    expect((await answer).status).toBe(500);
  });
});

describe("the process that segments", () => {
  it("is ended when nobody waits for its work any longer, and started again for the next", async () => {
    const process = new SegmentationProcess({ graceMilliseconds: 0 });
    const segmenter = { run: "/no/such/run", stage: "round-1", patchSize: 64 };
    const decoder = (signal?: AbortSignal) => process.run({ kind: "decoder", segmenter }, signal);
    const leaving = new AbortController();
    const abandoned = decoder(leaving.signal);
    const waiting = decoder();
    const first = process.pid;
    leaving.abort(new Error("gone"));
    await expect(abandoned).rejects.toThrow("gone");
    // Errors of the models come with their fields.
    await expect(waiting).rejects.toMatchObject({ tag: "run-directory", fields: { where: "/no/such/run" } });
    expect(process.pid).not.toBe(first);
    const last = decoder();
    process.close();
    await expect(last).rejects.toMatchObject({ tag: "device" });
    expect(process.pid).toBeUndefined();
  }, 180_000);
});
