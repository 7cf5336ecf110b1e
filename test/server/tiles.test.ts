import { setMaxListeners } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { servedLevels } from "../../src/server/slides/served-levels.js";
import { encodedTile } from "../../src/server/slides/slide-tile.js";
import { openSlide } from "../../src/slides/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { pixelsOf, type TestServer, testServer, writeGradientSlide } from "../support/test-server.js";

const directory = temporaryDirectory();
const WIDTH = 1100;
const HEIGHT = 700;
let server: TestServer;
let ids: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  const root = directory.path("slides");
  await mkdir(root);
  await writeGradientSlide(join(root, "jpeg.tif"), WIDTH, HEIGHT);
  await writeGradientSlide(join(root, "lzw.tif"), WIDTH, HEIGHT, { compression: "lzw" });
  await sharp({ create: { width: 300, height: 200, channels: 3, background: "#804020" } })
    .png()
    .toFile(join(root, "image.png"));
  await writeFile(join(root, "broken.tif"), "II*\0 and nothing");
  server = await testServer({
    inputs: [root, join(root, "image.png")],
    stateDirectory: directory.path("state"),
  });
  ids = Object.fromEntries((await server.workspace()).slides.map(({ name, id }) => [name, id]));
}, 60_000);

afterAll(() => server.close());

function tile(name: string, ...address: readonly (number | string)[]): Promise<Response> {
  return server.request(`/api/slides/${ids[name]}/tiles/${address.join("/")}`);
}

describe("tiles", () => {
  it("are those that the slide stores, byte for byte, where they can be", async () => {
    const source = await openSlide(directory.path("slides/jpeg.tif"));
    const stored = await source.readCompressedTile?.(0, 1, 0);
    await source.close();
    const answer = await tile("jpeg.tif", 0, 1, 0);
    expect(answer.headers.get("Content-Type")).toBe("image/jpeg");
    expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(stored?.bytes ?? []))).toBe(true);
  });

  it.each(["jpeg.tif", "lzw.tif"])("of %s show the slide at their place in every level", async (name) => {
    const { levels } = await server.slide(name);
    expect(levels.length).toBeGreaterThan(1);
    for (const [index, level] of levels.entries()) {
      const column = Math.floor((level.width - 1) / level.tileWidth);
      const row = Math.floor((level.height - 1) / level.tileHeight);
      const { width, data } = await pixelsOf(await tile(name, index, column, row));
      const [x, y] = [column * level.tileWidth, row * level.tileHeight];
      // The gradient tells where a pixel lies: red by its column, green by its row.
      expect(Math.abs((data[0] ?? 0) - (255 * x * level.downsample) / WIDTH)).toBeLessThan(8);
      expect(Math.abs((data[1] ?? 0) - (255 * y * level.downsample) / HEIGHT)).toBeLessThan(8);
      expect(width).toBeGreaterThanOrEqual(level.width - x);
    }
  });

  it("that are encoded anew end where the level does", async () => {
    const { width, height } = await pixelsOf(await tile("lzw.tif", 0, 4, 2));
    expect([width, height]).toEqual([WIDTH - 4 * 256, HEIGHT - 2 * 256]);
  });

  it("of plain images are served, too", async () => {
    const { width, height, data } = await pixelsOf(await tile("image.png", 0, 0, 0));
    expect([width, height]).toEqual([300, 200]);
    const [red = 0, green = 0, blue = 0] = data;
    expect(Math.max(Math.abs(red - 0x80), Math.abs(green - 0x40), Math.abs(blue - 0x20))).toBeLessThan(4);
  });

  it("are not sent again to who has them, until the slide changes", async () => {
    const tag = (await tile("jpeg.tif", 0, 0, 0)).headers.get("ETag") ?? "";
    const ask = () =>
      server.request(`/api/slides/${ids["jpeg.tif"]}/tiles/0/0/0`, { headers: { "If-None-Match": tag } });
    expect((await ask()).status).toBe(304);
    await writeGradientSlide(directory.path("slides/jpeg.tif"), WIDTH, HEIGHT + 1);
    expect((await ask()).status).toBe(200);
  });

  it.each([
    [["0", "5", "0"], 404],
    [["0", "0", "3"], 404],
    [["9", "0", "0"], 404],
    [["0", "-1", "0"], 400],
    [["0", "1.5", "0"], 400],
    [["0", "0x1", "0"], 400],
    [["0", "1e9", "0"], 400],
    [["0", "99999999999999999999", "0"], 400],
    [["0", "%2e%2e", "0"], 404],
  ])("at %s are refused", async (address, status) => {
    expect((await tile("jpeg.tif", ...address)).status).toBe(status);
  });

  it("of a broken slide fail alone", async () => {
    const answer = await tile("broken.tif", 0, 0, 0);
    expect(answer.status).toBe(422);
    const { problem } = JSON.parse(await answer.text());
    expect([problem.tag, problem.where]).toEqual(["slide", "broken.tif"]);
    expect((await tile("lzw.tif", 0, 0, 0)).status).toBe(200);
    expect((await server.workspace()).slides).toHaveLength(4);
  });

  it("for a client that has gone are not read", async () => {
    const client = new AbortController();
    client.abort();
    const answer = await server.request(`/api/slides/${ids["lzw.tif"]}/tiles/0/0/0`, {
      signal: client.signal,
    });
    expect(answer.status).toBe(500);
    expect(server.warnings.filter((warning) => warning.includes("abort"))).toEqual([]);
    expect([server.context.decoding.running, server.context.reading.running]).toEqual([0, 0]);
  });

  it("are refused as busy when too many wait, with the time to come again", async () => {
    const hold = new AbortController();
    setMaxListeners(0, hold.signal);
    const { decoding } = server.context;
    const blocked = Array.from({ length: 300 }, () =>
      decoding
        .run(hold.signal, () => new Promise((_, reject) => hold.signal.addEventListener("abort", reject)))
        .catch(() => null),
    );
    const answer = await tile("lzw.tif", 0, 0, 0);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("Retry-After")).toBe("1");
    hold.abort();
    await Promise.all(blocked);
    expect((await tile("lzw.tif", 0, 0, 0)).status).toBe(200);
  });
});

describe("thumbnails and associated images", () => {
  it("are small pictures of the whole slide", async () => {
    const answer = await server.request(`/api/slides/${ids["lzw.tif"]}/thumbnail?size=110`);
    const { width, height, data } = await pixelsOf(answer);
    expect([width, height]).toEqual([110, 70]);
    expect(data[(70 * 110 - 1) * 3] ?? 0).toBeGreaterThan(245);
  });

  it.each(["0", "2049", "x", "1e9"])("of %s pixels are refused", async (size) => {
    const answer = await server.request(`/api/slides/${ids["lzw.tif"]}/thumbnail?size=${size}`);
    expect(answer.status).toBe(400);
  });

  it("that a slide does not have are not found", async () => {
    expect((await server.request(`/api/slides/${ids["lzw.tif"]}/associated/label`)).status).toBe(404);
    expect((await server.request(`/api/slides/${ids["lzw.tif"]}/associated/..%2f..%2fx`)).status).toBe(404);
  });

  describeWithShared("of a real slide", ["data/slides/cmu-1-small-region.svs"], () => {
    it("are its thumbnail, and tiles have its colours", async () => {
      const file = sharedPath("data/slides/cmu-1-small-region.svs");
      const real = await testServer({ inputs: [file], stateDirectory: directory.path("state") });
      const { id, associatedImages, levels } = await real.slide("cmu-1-small-region.svs");
      expect(associatedImages).toContain("thumbnail");
      const picture = await pixelsOf(await real.request(`/api/slides/${id}/associated/thumbnail`));
      expect(picture.width).toBeGreaterThan(500);
      const [full] = levels;
      const shown = await pixelsOf(await real.request(`/api/slides/${id}/tiles/0/4/4`));
      const source = await openSlide(file);
      const [x, y] = [4 * (full?.tileWidth ?? 0), 4 * (full?.tileHeight ?? 0)];
      const origin = { space: "level-0", x, y } as const;
      const expected = await source.readRegion({
        origin,
        level: 0,
        width: shown.width,
        height: shown.height,
      });
      await source.close();
      await real.close();
      expect(Buffer.from(shown.data).equals(Buffer.from(expected.data))).toBe(true);
    });
  });
});

describe("levels", () => {
  it("are added to slides whose least one is large, and averaged from it in bounded readings", async () => {
    const side = 20_000;
    const slide = memorySlide("flat.tif", side, side, (x, y) => [(255 * x) / side, (255 * y) / side, 0], {
      downsamples: [1],
    });
    const levels = servedLevels(slide);
    expect(levels.map(({ downsample, width }) => [downsample, width])).toEqual([
      [1, 20_000],
      [2, 10_000],
      [4, 5000],
      [8, 2500],
    ]);
    const level = levels[3];
    if (level === undefined) throw new Error("no such level");
    const bytes = await encodedTile(slide, { level, column: 4, row: 1 }, new AbortController().signal);
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([2500 - 4 * 512, 512]);
    expect(Math.abs((data[0] ?? 0) - (255 * 4 * 512 * 8) / side)).toBeLessThan(4);
    expect(slide.largestRead()).toBeLessThanOrEqual(4096 * 4096);
  });
});

describe("open slides", () => {
  it("are few, are closed when they are no longer used, and opened again when they change", async () => {
    const opened: string[] = [];
    const closed: string[] = [];
    const root = await directory.folder();
    const slides = new OpenSlides({
      limit: 2,
      open: async (path) => {
        opened.push(path);
        const close = async (): Promise<void> => {
          closed.push(path);
        };
        return { ...memorySlide(path, 64, 64, () => [0, 0, 0]), close };
      },
    });
    const paths = ["a", "b", "c"].map((name) => join(root, name));
    for (const path of paths) await writeFile(path, "1");
    const [a = "", b = "", c = ""] = paths;
    const touch = (path: string) => slides.use(path, async () => undefined);
    await slides.use(a, async () => {
      await touch(b);
      await touch(c);
      // The one in use stays, the other makes room.
      expect(closed).toEqual([b]);
    });
    expect(slides.size).toBe(2);
    await touch(c);
    expect(opened).toEqual([a, b, c]);
    await writeFile(c, "changed");
    await touch(c);
    expect(opened).toEqual([a, b, c, c]);
    expect(closed).toEqual([b, c]);
    await rm(a);
    await slides.close();
    expect(closed).toEqual([b, c, a, c]);
  });

  it("that hold all their pixels are kept within a limit of bytes", async () => {
    const closed: string[] = [];
    const slides = new OpenSlides({
      heldBytes: 250,
      open: async (path) => {
        const close = async (): Promise<void> => {
          closed.push(path);
        };
        return { ...memorySlide(path, 64, 64, () => [0, 0, 0]), heldBytes: 100, close };
      },
    });
    for (const path of ["a", "b", "a", "c"]) await slides.use(path, async () => undefined);
    expect(closed).toEqual(["b"]);
    expect(slides.size).toBe(2);
  });

  it("are never closed under those who use them at the same time", async () => {
    const open = new Set<string>();
    let opened = 0;
    const slides = new OpenSlides({
      limit: 1,
      open: async (path) => {
        const id = `${path} ${++opened}`;
        open.add(id);
        const close = async (): Promise<void> => {
          open.delete(id);
        };
        return { ...memorySlide(id, 64, 64, () => [0, 0, 0]), close };
      },
    });
    const random = new RandomStream(0, "open slides");
    const uses = Array.from({ length: 200 }, async () => {
      await new Promise((resolve) => setTimeout(resolve, random.integer(20)));
      await slides.use(`slide ${random.integer(4)}`, async ({ path }) => {
        for (let moment = 0; moment < 3; moment++) {
          expect(open.has(path)).toBe(true);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      });
    });
    await Promise.all(uses);
    await slides.close();
    expect(open.size).toBe(0);
  });

  it("that failed are tried again", async () => {
    let attempts = 0;
    const slides = new OpenSlides({
      open: async (path) => {
        attempts += 1;
        if (attempts === 1) throw new Error("not yet");
        return memorySlide(path, 64, 64, () => [0, 0, 0]);
      },
    });
    await expect(slides.use("x", async () => 1)).rejects.toThrowError("not yet");
    expect(await slides.use("x", async () => 2)).toBe(2);
  });
});
