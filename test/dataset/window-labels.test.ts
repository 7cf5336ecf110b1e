import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  imposeLabels,
  isFreeOfTumour,
  KnownClass,
  knownPixels,
  labelWindows,
  openDataset,
  prepareDataset,
  prepareSlides,
  validateForTraining,
  windowsOf,
} from "../../src/dataset/index.js";
import { decodeWindows, encodePresence } from "../../src/dataset/window-labels.js";
import { memorySlide } from "../support/memory-slide.js";
import { errorOf, makeImages, temporaryFolder, writeGrey, writeNoise, writeText } from "./fixtures.js";

const RULE = { size: 16, stride: 8, share: 0.05 };

/** A mask of blobs, from empty to full. */
function randomMask(seed: number, side: number, density: number) {
  const random = new RandomStream(seed, "mask");
  const data = Uint8Array.from({ length: side * side }, () => (random.chance(density) ? 1 : 0));
  return { width: side, height: side, data };
}

describe("labels of windows", () => {
  it.each([0, 0.03, 0.5, 0.97, 1])("count what a mask of density %f has", (density) => {
    const side = 45;
    const mask = randomMask(3, side, density);
    const windows = labelWindows(mask, RULE);
    // 0, 8, 16, 24 and one flush with the border, both ways.
    expect(windows).toHaveLength(25);
    for (const { x, y, size, tumour, other } of windows) {
      let pixels = 0;
      for (let row = y; row < y + size; row++) {
        for (let column = x; column < x + size; column++) pixels += mask.data[row * side + column] ?? 0;
      }
      expect(tumour).toBe(pixels > 0.05 * size * size ? 1 : 0);
      expect(other).toBe(size * size - pixels > 0.05 * size * size ? 1 : 0);
    }
    expect(decodeWindows(encodePresence(windows), RULE, side)).toEqual(windows);
  });

  it("say nothing of what could be one or the other", () => {
    const mask = { width: 16, height: 16, data: new Uint8Array(256).fill(1, 0, 128) };
    const nothing = { ...mask, data: new Uint8Array(256) };
    const upper = { ...mask, data: new Uint8Array(256).fill(1, 0, 128) };
    expect(labelWindows(mask, RULE, nothing)).toMatchObject([{ tumour: 1, other: null }]);
    expect(labelWindows(nothing, RULE, nothing)).toMatchObject([{ tumour: null, other: null }]);
    expect(labelWindows(nothing, RULE, upper)).toMatchObject([{ tumour: null, other: 1 }]);
  });

  it("refuse windows larger than the patch", () => {
    expect(() => labelWindows(randomMask(1, 8, 0.5), RULE)).toThrow("windows of 16 pixels do not fit");
  });

  it("tell the class of pixels where a window has one alone", () => {
    const windows = [
      { x: 0, y: 0, size: 2, tumour: 0, other: 1 },
      { x: 2, y: 0, size: 2, tumour: 1, other: 0 },
      { x: 0, y: 2, size: 2, tumour: 1, other: 1 },
      { x: 2, y: 2, size: 2, tumour: null, other: null },
    ] as const;
    const { noTumour: no, tumour: yes, unknown } = KnownClass;
    expect([...knownPixels(windows, 4)]).toEqual([
      ...[no, no, yes, yes],
      ...[no, no, yes, yes],
      ...[unknown, unknown, unknown, unknown],
      ...[unknown, unknown, unknown, unknown],
    ]);
    const contradictory = [
      { x: 0, y: 0, size: 2, tumour: 1, other: 0 },
      { x: 1, y: 0, size: 1, tumour: 0, other: 1 },
    ] as const;
    expect([...knownPixels(contradictory, 2)]).toEqual([yes, unknown, yes, yes]);
    // A patch without windows is one window with the label it has.
    expect([...knownPixels(windowsOf({ label: 0 }, 2), 2)]).toEqual([no, no, no, no]);
    expect([...knownPixels(windowsOf({ label: 1 }, 2), 2)]).toEqual([unknown, unknown, unknown, unknown]);
  });
});

describe("labels imposed on a mask", () => {
  const mask = randomMask(5, 12, 0.5);
  const at = (x: number, y: number) => mask.data[y * 12 + x];

  it("empty windows without tumour, fill windows of nothing else, and keep what is unknown or contradicts itself", () => {
    const window = { size: 6, tumour: null, other: null } as const;
    const imposed = imposeLabels(mask, [
      { ...window, x: 0, y: 0, tumour: 0, other: 1 },
      { ...window, x: 6, y: 0, tumour: 1, other: 0 },
      { ...window, x: 0, y: 6, tumour: 1, other: 1 },
      { ...window, x: 3, y: 0, tumour: 1, other: 0 },
    ]);
    imposed.data.forEach((value, pixel) => {
      const [x, y] = [pixel % 12, Math.floor(pixel / 12)];
      const wanted = y >= 6 || (x >= 3 && x < 6) ? at(x, y) : x < 3 ? 0 : 1;
      expect(value, `${x}, ${y}`).toBe(wanted);
    });
  });

  it("of a patch alone empty it where there is no tumour, and change nothing where there is some", () => {
    expect(imposeLabels(mask, windowsOf({ label: 1 }, 12))).toEqual(mask);
    expect(imposeLabels(mask, windowsOf({ label: 0 }, 12)).data).toEqual(new Uint8Array(144));
  });
});

describe("data sets with labels of windows", () => {
  it("keep every patch of an image, and its windows as the mask has them", async () => {
    const options = { ...(await makeImages(await temporaryFolder())), windows: RULE };
    const prepared = await prepareDataset(options);
    expect(prepared.discarded).toMatchObject({ belowPositiveRange: 0, abovePositiveRange: 0 });
    const dataset = await openDataset(options.out, { warn: (message) => expect.unreachable(message) });
    expect(dataset.hash).toBe(prepared.hash);
    for (const patch of dataset.patches) {
      const index = Number(patch.slide.split("_")[1]);
      for (const { x, size, tumour, other } of patch.windows ?? expect.unreachable()) {
        const columns = Math.min(size, Math.max(0, 20 + 2 * index - ((patch.x ?? Number.NaN) + x)));
        expect([tumour, other]).toEqual([columns > 0 ? 1 : 0, columns < size ? 1 : 0]);
      }
      expect(patch.label).toBe(patch.windows?.some(({ tumour }) => tumour === 1) ? 1 : 0);
    }
    const whole = await prepareDataset({ ...options, windows: undefined, overwrite: true });
    expect(whole.hash).not.toBe(prepared.hash);
  });

  it("are enough to train on when all patches have tumour and something else", async () => {
    const folder = await temporaryFolder();
    const options = { ...(await makeImages(folder)), patchSize: 64, stride: 64, windows: RULE };
    await prepareDataset(options);
    const dataset = await openDataset(options.out);
    expect(dataset.patches.some(({ label, x }) => label === 1 && x === 0)).toBe(true);
    const positive = dataset.patches.filter(({ label }) => label === 1);
    validateForTraining({ root: dataset.root, patches: positive });
    const bare = positive.map(({ windows: _, ...patch }) => patch);
    expect(() => validateForTraining({ root: dataset.root, patches: bare })).toThrow("no negative patches");
  });

  it("come from slides, with what nobody has judged left open", async () => {
    const folder = await temporaryFolder();
    await writeText(join(folder, "slides", "a.svs"), "a");
    await writeText(
      join(folder, "marks", "a.geojson"),
      JSON.stringify([
        square(0, 0, 32, 64, "Tumor"),
        square(32, 0, 64, 64, "Region*"),
        square(64, 0, 128, 64, "Tumor"),
      ]),
    );
    const prepared = await prepareSlides({
      inputs: [join(folder, "slides")],
      annotations: join(folder, "marks"),
      out: join(folder, "dataset"),
      patchSize: 64,
      tissue: "all",
      unmarked: "unknown",
      split: [1, 0, 0],
      windows: { size: 32, stride: 32, share: 0.05 },
      openSlide: async () => memorySlide("a.svs", 128, 128, () => [200, 100, 150] as const),
    });
    const dataset = await openDataset(prepared.root);
    expect(dataset.patches.map(({ id }) => id)).toEqual(["a_x0_y0", "a_x64_y0"]);
    expect(dataset.patches[0]?.windows?.map(({ tumour, other }) => [tumour, other])).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
    ]);
    expect(dataset.patches[1]?.windows?.every(({ tumour, other }) => tumour === 1 && other === 0)).toBe(true);
  });

  it("come from the table of ready patches, as windows or as two labels of a patch", async () => {
    const folder = await temporaryFolder();
    for (const name of ["a", "b", "c"]) await writeNoise(join(folder, "patches", `${name}.png`), 32, 32);
    const table = join(folder, "patches", "labels.csv");
    const out = join(folder, "dataset");
    const options = { inputs: [join(folder, "patches")], out, split: [1, 0, 0], overwrite: true } as const;
    await writeText(
      table,
      "file,x,y,size,tumour,other\na.png,0,0,16,1,0\na.png,16,0,16,0,1\nb.png,0,0,32,0,1\nc.png,8,8,16,,1\n",
    );
    await prepareDataset(options);
    const { patches } = await openDataset(out);
    expect(patches.map(({ id, label, windows }) => [id, label, windows?.length])).toEqual([
      ["a", 1, 2],
      ["b", 0, 1],
      ["c", 0, 1],
    ]);
    await writeText(table, "file,tumour,other\na.png,1,1\nb.png,0,1\nc.png,1,0\n");
    await prepareDataset(options);
    const whole = await openDataset(out);
    expect(whole.patches[2]?.windows).toEqual([{ x: 0, y: 0, size: 32, tumour: 1, other: 0 }]);
  });

  it.each([
    ["a.png,0,0,16,2,0", 'line 2: has tumour "2"'],
    ["a.png,0,-1,16,1,0", 'line 2: has y "-1"'],
    ["a.png,0,0,,1,0", 'line 2: has size ""'],
    ["z.png,0,0,16,1,0", "lists 1 patches that are not beside it: z"],
  ])("refuse a table with the line %s", async (line, message) => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "patches", "a.png"), 32, 32);
    await writeText(join(folder, "patches", "labels.csv"), `file,x,y,size,tumour,other\n${line}\n`);
    const prepared = prepareDataset({ inputs: [join(folder, "patches")], out: join(folder, "dataset") });
    expect(await errorOf(prepared)).toContain(message);
  });

  it("name a window that leaves its patch", async () => {
    const folder = await temporaryFolder();
    for (const name of ["a", "b"]) await writeNoise(join(folder, "patches", `${name}.png`), 32, 32);
    const lines = "a.png,24,0,16,1,0\nb.png,0,0,16,1,1\n";
    await writeText(join(folder, "patches", "labels.csv"), `file,x,y,size,tumour,other\n${lines}`);
    const options = {
      inputs: [join(folder, "patches")],
      out: join(folder, "dataset"),
      split: [1, 0, 0],
    } as const;
    const { skipped } = await prepareDataset(options);
    expect(skipped).toMatchObject([{ reason: "has a window at 24, 0 that leaves its 32 x 32 pixels" }]);
  });

  it.each([
    [(text: string) => text.replace(/^(.*,0,0,16),[01],/m, "$1,5,"), 'has tumour "5"'],
    [
      (text: string) => `${text}nobody,0,0,16,1,0\n`,
      'has a window of "nobody", which the manifest does not list',
    ],
    [(text: string) => text.replace(/,1,([01])$/gm, ",0,$1"), "The manifest gives it the label 1"],
    [(text: string) => text.replace(/,0,0,16,/, ",17,0,16,"), "which leaves the patch"],
    [(text: string) => text.replace(/^tissue_0_x0_y0,.*\n/gm, ""), 'has no window of "tissue_0_x0_y0"'],
  ])("are refused when windows.csv was spoiled (%#)", async (spoil, message) => {
    const options = { ...(await makeImages(await temporaryFolder())), windows: RULE };
    await prepareDataset(options);
    const path = join(options.out, "windows.csv");
    await writeText(path, spoil(await readFile(path, "utf8")));
    expect(await errorOf(openDataset(options.out))).toContain(message);
  });

  it("take masks of ready patches when asked to", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "patches", "a_1.png"), 32, 32);
    await writeNoise(join(folder, "patches", "b_0.png"), 32, 32);
    await writeGrey(join(folder, "masks", "a_1.png"), 32, 32, (x) => (x < 16 ? 255 : 0));
    await writeGrey(join(folder, "masks", "b_0.png"), 32, 32, () => 0);
    const paths = { inputs: [join(folder, "patches")], masks: join(folder, "masks"), out: join(folder, "d") };
    await prepareDataset({ ...paths, split: [1, 0, 0], windows: { size: 16, stride: 16, share: 0.05 } });
    const { patches } = await openDataset(paths.out);
    expect(patches.map(({ windows }) => windows?.map(({ tumour, other }) => `${tumour}${other}`))).toEqual([
      ["10", "01", "10", "01"],
      ["01", "01", "01", "01"],
    ]);
  });
});

it("a patch is free of tumour where all of it is said to be", () => {
  const half = (x: number, tumour: 0 | null) => ({ x, y: 0, size: 16, tumour, other: 1 }) as const;
  const rows = (tumour: 0 | null) =>
    [half(0, 0), half(16, tumour)].flatMap((one) => [one, { ...one, y: 16 }]);
  expect(isFreeOfTumour({}, 32)).toBe(true);
  expect(isFreeOfTumour({ windows: rows(0) }, 32)).toBe(true);
  expect(isFreeOfTumour({ windows: rows(null) }, 32)).toBe(false);
  expect(isFreeOfTumour({ windows: rows(0).slice(1) }, 32)).toBe(false);
});

function square(left: number, top: number, right: number, bottom: number, name: string) {
  const ring = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
    [left, top],
  ];
  const geometry = { type: "Polygon", coordinates: [ring] };
  return { type: "Feature", geometry, properties: { classification: { name } } };
}
