import { copyFile, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AnnotationImport,
  type AnnotationState,
  DIFFERENCE_LEVELS,
  type LayerEntry,
  type LayerKind,
  type SlideDetail,
  type Thresholds,
} from "../../src/contract/index.js";
import { exportSlideResults, type TiledRaster } from "../../src/inference/index.js";
import { openSlide } from "../../src/slides/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { pixelsOf, type TestServer, testServer, writeGradientSlide } from "../support/test-server.js";

const directory = temporaryDirectory();
const SIZE = { width: 1200, height: 800 };
/** The tumour in level-0 pixels, what the annotation says of it, and a second focus that it does not know. */
const FOUND = { left: 200, top: 100, right: 600, bottom: 300 };
const ANNOTATED = { left: 400, top: 100, right: 800, bottom: 300 };
const SECOND = { left: 1000, top: 600, right: 1040, bottom: 640 };

let server: TestServer;
let slide: SlideDetail;

interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function contains({ left, top, right, bottom }: Rectangle, x: number, y: number): boolean {
  return x >= left && x < right && y >= top && y < bottom;
}

/** A raster at half the resolution with values inside of the two foci. */
function raster(value: number): TiledRaster {
  const [width, height, tileSize] = [SIZE.width / 2, SIZE.height / 2, 256];
  return {
    ...{ width, height, tileSize, downsample: 2 },
    async readTile(column, row) {
      const tile = new Uint8Array(tileSize * tileSize);
      for (let at = 0; at < tile.length; at++) {
        const x = 2 * (column * tileSize + (at % tileSize));
        const y = 2 * (row * tileSize + Math.floor(at / tileSize));
        if (contains(FOUND, x, y) || contains(SECOND, x, y)) tile[at] = value;
      }
      return tile;
    },
  };
}

/** What `epsam infer` records of a slide it has finished. */
async function record(
  path: string,
  size: { readonly width: number; readonly height: number },
): Promise<string> {
  const slide = {
    name: basename(path),
    bytes: (await stat(path)).size,
    modified: "2026-01-01T00:00:00.000Z",
  };
  return JSON.stringify({ formatVersion: 1, ...size, settings: { slide, model: { stage: "round-2" } } });
}

function asapXml({ left, top, right, bottom }: Rectangle): string {
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ].map(([x, y], order) => `<Coordinate Order="${order}" X="${x}" Y="${y}" />`);
  return `<?xml version="1.0"?><ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor" Color="#F00"><Coordinates>${corners.join("")}</Coordinates></Annotation></Annotations><AnnotationGroups><Group Name="Tumor" PartOfGroup="None" Color="#F00"><Attributes /></Group></AnnotationGroups></ASAP_Annotations>`;
}

beforeAll(async () => {
  const [slides, results, annotations] = ["slides", "results", "annotations"].map((name) =>
    directory.path(name),
  );
  if (slides === undefined || results === undefined || annotations === undefined)
    throw new Error("three folders");
  await mkdir(slides);
  await mkdir(annotations);
  await writeGradientSlide(join(slides, "a.tif"), SIZE.width, SIZE.height);
  await writeGradientSlide(join(slides, "plain.tif"), 300, 200);
  await sharp({ create: { width: 64, height: 48, channels: 3, background: "#fff" } })
    .png()
    .toFile(join(slides, "photo.png"));
  await mkdir(join(results, "a"), { recursive: true });
  const source = await openSlide(join(slides, "a.tif"));
  const micronsPerPixel = { x: 0.5, y: 0.5 };
  const input = {
    ...{ mask: raster(255), probability: raster(204), activation: raster(51) },
    ...{ micronsPerPixel, level0TissueArea: SIZE.width * SIZE.height },
    identity: { run: "run", slide: "a" },
  };
  await exportSlideResults(source, input, join(results, "a"));
  await source.close();
  await writeFile(join(results, "a", "inference.json"), await record(join(slides, "a.tif"), SIZE));
  await writeFile(join(annotations, "a.xml"), asapXml(ANNOTATED));
  server = await testServer({
    inputs: [slides, results, join(slides, "photo.png")],
    annotations: [annotations],
    stateDirectory: directory.path("state"),
  });
  slide = await server.slide("a.tif");
}, 60_000);

afterAll(() => server.close());

function layer(kind: LayerKind, of: SlideDetail = slide): LayerEntry {
  const found = of.layers.find((entry) => entry.kind === kind);
  if (found === undefined) throw new Error(`no layer ${kind}`);
  return found;
}

/** The grey level that a layer shows for a level-0 pixel, in a level of it. */
async function greyAt(kind: LayerKind, level: number, x: number, y: number): Promise<number | undefined> {
  const { id, levels } = layer(kind);
  const entry = levels[level];
  if (entry === undefined) throw new Error(`no level ${level}`);
  const [column, row] = [x / entry.downsample, y / entry.downsample].map(Math.floor);
  if (column === undefined || row === undefined) throw new Error("two coordinates");
  const address = [level, Math.floor(column / entry.tileWidth), Math.floor(row / entry.tileHeight)];
  const answer = await server.request(`/api/slides/${slide.id}/layers/${id}/tiles/${address.join("/")}`);
  expect(answer.headers.get("Content-Type")).toBe("image/png");
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect((await sharp(bytes).metadata()).channels).toBe(1);
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  return data[((row % entry.tileHeight) * info.width + (column % entry.tileWidth)) * info.channels];
}

describe("layers", () => {
  it("are what a run found, the tissue, the annotation and its difference to the mask", () => {
    expect(slide.layers.map(({ kind, values }) => [kind, values])).toEqual([
      ["tumour-mask", "mask"],
      ["probability", "fraction"],
      ["class-activation-map", "fraction"],
      ["tissue-mask", "mask"],
      ["ground-truth", "mask"],
      ["difference", "difference"],
    ]);
    expect(layer("tumour-mask").origin).toBe("results, round-2");
    expect(layer("difference").origin).toBe("results, round-2; a.xml");
    expect(layer("tumour-mask").levels[0]).toMatchObject({ width: 600, height: 400, downsample: 2 });
    expect(slide.segmented).toBe(true);
  });

  it.each([0, 1])("lie over the slide where they belong, at level %i", async (level) => {
    const [inside, outside] = [[500, 200] as const, [900, 500] as const];
    expect(await greyAt("tumour-mask", level, ...inside)).toBe(255);
    expect(await greyAt("tumour-mask", level, ...outside)).toBe(0);
    expect(await greyAt("probability", level, ...inside)).toBe(204);
    expect(await greyAt("class-activation-map", level, ...inside)).toBe(51);
    expect(await greyAt("ground-truth", level, 700, 200)).toBe(255);
    expect(await greyAt("ground-truth", level, 300, 200)).toBe(0);
  });

  it("tell where mask and annotation differ", async () => {
    expect(await greyAt("difference", 0, 500, 200)).toBe(DIFFERENCE_LEVELS.truePositive);
    expect(await greyAt("difference", 0, 300, 200)).toBe(DIFFERENCE_LEVELS.falsePositive);
    expect(await greyAt("difference", 0, 700, 200)).toBe(DIFFERENCE_LEVELS.falseNegative);
    expect(await greyAt("difference", 0, 900, 500)).toBe(DIFFERENCE_LEVELS.trueNegative);
  });

  it("show the tissue in cells of the slide", async () => {
    const { levels } = layer("tissue-mask");
    const [cells] = levels;
    expect((cells?.width ?? 0) * (cells?.downsample ?? 0)).toBeGreaterThanOrEqual(SIZE.width);
    // The gradient is as pink as tissue there; in the corners it is as even as ink: red above, green below.
    expect(await greyAt("tissue-mask", 0, 1000, 330)).toBe(255);
    expect(await greyAt("tissue-mask", 0, 1160, 40)).toBe(0);
  });

  it("have no tiles beyond their levels, and none under other names", async () => {
    const address = `/api/slides/${slide.id}/layers/${layer("tumour-mask").id}/tiles`;
    for (const place of ["0/9/0", "0/0/9", "9/0/0"]) {
      expect((await server.request(`${address}/${place}`)).status).toBe(404);
    }
    expect((await server.request(`${address}/0/-1/0`)).status).toBe(400);
    expect((await server.request(`/api/slides/${slide.id}/layers/mask.tif/tiles/0/0/0`)).status).toBe(404);
  });

  it("of results for a slide of another size are not taken", async () => {
    const other = directory.path("results/plain");
    await mkdir(other);
    await writeFile(join(other, "inference.json"), await record(directory.path("slides/plain.tif"), SIZE));
    expect((await server.slide("plain.tif")).layers.map(({ kind }) => kind)).toEqual(["tissue-mask"]);
  });

  it("are not read through links that lead out of the results", async () => {
    const folder = directory.path("results/photo");
    await mkdir(folder);
    const photo = directory.path("slides/photo.png");
    await writeFile(join(folder, "inference.json"), await record(photo, { width: 64, height: 48 }));
    await symlink(photo, join(folder, "mask.tif"));
    expect((await server.slide("photo.png")).layers.map(({ kind }) => kind)).toEqual(["tissue-mask"]);
  });

  it("and annotations go to the right one of two slides of the same name", async () => {
    const root = await directory.folder();
    for (const [part, compression] of [
      ["one", "jpeg"],
      ["two", "lzw"],
    ] as const) {
      await mkdir(join(root, part, "slides"), { recursive: true });
      await mkdir(join(root, part, "annotations"));
      const path = join(root, part, "slides", "a.tif");
      await writeGradientSlide(path, SIZE.width, SIZE.height, { compression });
      await writeFile(join(root, part, "annotations", "a.xml"), asapXml(ANNOTATED));
    }
    await mkdir(join(root, "results", "a"), { recursive: true });
    await writeFile(join(root, "results", "a", "summary.json"), "{}");
    await writeFile(
      join(root, "results", "a", "inference.json"),
      // The first has the same name and size in pixels.
      await record(join(root, "two", "slides", "a.tif"), SIZE),
    );
    await copyFile(directory.path("results/a/mask.tif"), join(root, "results", "a", "mask.tif"));
    const twins = await testServer({ inputs: [root], stateDirectory: directory.path("state") });
    const layersOf = async (id = ""): Promise<string[]> => {
      const detail: SlideDetail = JSON.parse(await (await twins.request(`/api/slides/${id}`)).text());
      return detail.layers.map(({ kind }) => kind);
    };
    const [first, second] = twins.context.workspace.slides;
    expect(await layersOf(first?.id)).toEqual(["tissue-mask", "ground-truth"]);
    expect(await layersOf(second?.id)).toEqual(["tumour-mask", "tissue-mask", "ground-truth", "difference"]);
    expect((await twins.workspace()).slides.map(({ segmented }) => segmented)).toEqual([false, true]);
    const { context } = twins;
    expect(first === undefined ? [] : context.workspace.annotationFoldersOf(first)).toEqual([
      join(root, "one", "annotations"),
    ]);
    expect(second === undefined ? [] : context.workspace.annotationFoldersOf(second)).toEqual([
      join(root, "two", "annotations"),
    ]);
    await twins.close();
  });

  it("of an image are its mask and probability", async () => {
    const results = await directory.folder();
    for (const folder of ["masks", "probabilities", "results"]) await mkdir(join(results, folder));
    await writeFile(join(results, "inference.json"), "{}");
    const grey = sharp({
      create: { width: 64, height: 48, channels: 3, background: "#ffffff" },
    }).toColourspace("b-w");
    await grey
      .clone()
      .png()
      .toFile(join(results, "masks", "photo.png"));
    await grey
      .clone()
      .png()
      .toFile(join(results, "probabilities", "photo.png"));
    const tumour = { pixels: 3072, fraction: 1, squareMicrons: 192 };
    const record = { width: 64, height: 48, model: { stage: "preliminary" }, tumour };
    await writeFile(join(results, "results", "photo.json"), JSON.stringify(record));
    const inputs = [directory.path("slides/photo.png"), results];
    const images = await testServer({ inputs, stateDirectory: directory.path("state") });
    const photo = await images.slide("photo.png");
    expect(photo.layers.map(({ kind }) => kind)).toEqual(["tumour-mask", "probability", "tissue-mask"]);
    const answer = await images.request(
      `/api/slides/${photo.id}/layers/${layer("tumour-mask", photo).id}/tiles/0/0/0`,
    );
    expect((await pixelsOf(answer)).data[0]).toBe(255);
    const found = JSON.parse(await (await images.request(`/api/slides/${photo.id}/results`)).text());
    expect(found).toMatchObject({ tumourSquareMillimetres: 192e-6, foci: [] });
    await images.close();
  });

  it("of an annotation that is damaged are left out with the reason, and the slide stays", async () => {
    const annotations = await directory.folder();
    await writeFile(join(annotations, "plain.xml"), "<ASAP_Annotations><Annotations>");
    const inputs = [directory.path("slides/plain.tif")];
    const options = { inputs, annotations: [annotations], stateDirectory: directory.path("state") };
    const damaged = await testServer(options);
    const { layers, warnings } = await damaged.slide("plain.tif");
    expect(layers.map(({ kind }) => kind)).toEqual(["tissue-mask"]);
    expect(warnings.join()).toMatch(/plain\.xml/);
    expect(warnings.join()).not.toContain(annotations);
    await damaged.close();
  });
});

describe("results", () => {
  it("are the figures of the slide and its foci, the largest first", async () => {
    const answer = await server.request(`/api/slides/${slide.id}/results`);
    const { foci, ...figures } = JSON.parse(await answer.text());
    expect(figures).toEqual({
      origin: "results, round-2",
      notice: "Research use only. Not for diagnosis.",
      tumourSquareMillimetres: 0.0204,
      tissueSquareMillimetres: 0.24,
      tumourToTissue: 0.085,
      fociLeftOut: { count: 0, minimumArea: 0, inMicrons: true },
    });
    expect(foci).toHaveLength(2);
    expect(foci[0]).toMatchObject({
      name: "Focus 1",
      centre: [400, 200],
      box: { x: 200, y: 100, width: 400, height: 200 },
      squareMicrons: 20_000,
      meanProbability: 0.8,
    });
    expect(foci[0].diameterMicrons).toBeCloseTo(Math.hypot(200, 100), 0);
    expect(foci[0].sizeClass).toBe("micrometastasis");
    expect(foci[1]).toMatchObject({ name: "Focus 2", sizeClass: "isolated-tumour-cells" });
  });

  it("are not found where there are none", async () => {
    const { id } = await server.slide("plain.tif");
    expect((await server.request(`/api/slides/${id}/results`)).status).toBe(404);
  });
});

describe("thresholds of a map", () => {
  const annotations = () => `/api/slides/${slide.id}/annotations`;
  const thresholds = async (query = "") => {
    const path = `/api/slides/${slide.id}/layers/${layer("probability").id}/thresholds${query}`;
    const answer = await server.request(path);
    expect(answer.status).toBe(200);
    return (await answer.json()) as Thresholds;
  };
  const post = (path: string, body: unknown) =>
    server.request(`${annotations()}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  /** Of the raster, which has half the slide's resolution: found in all, found in what is annotated, annotated. */
  const [FOUND_PIXELS, COMMON, TRUE] = [(400 * 200 + 40 * 40) / 4, (200 * 200) / 4, (400 * 200) / 4];

  it("tell area, foci and agreement with the annotation at each", async () => {
    const { downsample, isFinest, pixels, foci, truths, warnings } = await thresholds();
    expect([downsample, isFinest, warnings]).toEqual([2, true, []]);
    expect([pixels[0], pixels[1], pixels[204], pixels[205]]).toEqual([
      600 * 400,
      FOUND_PIXELS,
      FOUND_PIXELS,
      0,
    ]);
    expect([foci[1], foci[204], foci[205]]).toEqual([2, 2, 0]);
    expect(truths.map(({ kind, origin }) => [kind, origin])).toEqual([["ground-truth", "a.xml"]]);
    expect([truths[0]?.tumour[0], truths[0]?.tumour[204]]).toEqual([TRUE, COMMON]);
    expect([truths[0]?.other[0], truths[0]?.other[204]]).toEqual([600 * 400 - TRUE, FOUND_PIXELS - COMMON]);
    // The second focus has 1600 level-0 pixels.
    expect((await thresholds("?minimumPixels=1600")).foci[204]).toBe(2);
    expect((await thresholds("?minimumPixels=1601")).foci[204]).toBe(1);
  });

  it("compare with what was accepted in the page, as far as that is known", async () => {
    const corner = (x: number, y: number) => [
      [x, y],
      [x + 100, y],
      [x + 100, y + 100],
      [x, y + 100],
      [x, y],
    ];
    const object = (number: number, classification: string, x: number, y: number) => ({
      type: "add",
      object: {
        ...{
          id: `00000000-0000-4000-8000-00000000000${number}`,
          name: "",
          classification,
          review: "accepted",
        },
        ...{ origin: "drawn", area: { type: "MultiPolygon", coordinates: [[corner(x, y)]] } },
      },
    });
    const changes = [
      object(1, "Tumor", 300, 100),
      object(2, "Tumor", 0, 600),
      object(3, "Exclusion", 200, 100),
    ];
    expect((await post("", { revision: 0, title: "Draw", changes })).status).toBe(200);
    const [, own] = (await thresholds()).truths;
    // Of 200 × 100 pixels that are found it is known that half are tumour, and of 100 × 100 others.
    const square = (100 * 100) / 4;
    expect([own?.kind, own?.tumour[0], own?.other[0]]).toEqual(["corrections", 2 * square, square]);
    expect([own?.tumour[204], own?.other[204]]).toEqual([square, square]);
    const unknown = [object(4, "Mystery", 0, 0)];
    expect((await post("", { revision: 1, title: "Draw", changes: unknown })).status).toBe(200);
    const { truths, warnings } = await thresholds();
    expect(truths.length).toBe(1);
    expect(warnings[0]).toContain("Mystery");
    expect((await post("/undo", { revision: 2 })).status).toBe(200);
  });

  it("give outlines that are kept as objects to be judged, once", async () => {
    const wanted = { layer: layer("probability").id, threshold: 100, minimumPixels: 1601 };
    const answer = await post("/outlines?revision=3", wanted);
    expect(answer.status).toBe(200);
    const { added, save, warnings } = (await answer.json()) as AnnotationImport;
    expect([added, save.undo, warnings]).toEqual([1, "Outlines at 0.39", []]);
    expect(save.added[0]?.object).toMatchObject({
      ...{ name: "Focus 1 at 0.39", classification: "Tumor", review: "unreviewed", origin: "result" },
    });
    const [ring] = save.added[0]?.object.area.coordinates[0] ?? [];
    const [xs, ys] = [ring?.map(([x]) => x) ?? [], ring?.map(([, y]) => y) ?? []];
    expect([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]).toEqual([
      200, 100, 600, 300,
    ]);
    const again = (await (await post("/outlines?revision=4", wanted)).json()) as AnnotationImport;
    expect([again.added, again.save.revision]).toEqual([0, 4]);
    const all = (await (
      await post("/outlines?revision=4", { ...wanted, minimumPixels: 0 })
    ).json()) as AnnotationImport;
    expect(all.added).toBe(1);
    const { objects } = (await (await server.request(annotations())).json()) as AnnotationState;
    expect(objects.length).toBe(5);
  });

  it("are not of masks, of maps that are not there, nor out of range", async () => {
    const path = `/api/slides/${slide.id}/layers/${layer("tumour-mask").id}/thresholds`;
    expect((await server.request(path)).status).toBe(404);
    const wanted = { layer: layer("probability").id, threshold: 100, minimumPixels: 0 };
    expect((await post("/outlines?revision=5", { ...wanted, layer: "nothing" })).status).toBe(404);
    expect((await post("/outlines?revision=5", { ...wanted, threshold: 0 })).status).toBe(400);
    expect((await post("/outlines?revision=5", { ...wanted, minimumPixels: -1 })).status).toBe(400);
    expect((await post("/outlines?revision=0", wanted)).status).toBe(409);
  });
});
