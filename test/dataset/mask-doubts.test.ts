import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, it, vi } from "vitest";
import { prepareDataset } from "../../src/dataset/index.js";
import { temporaryFolder, writeGrey, writeNoise } from "./fixtures.js";

vi.setConfig({ testTimeout: 60_000 });

const SIDE = 96;
const isDisc = (x: number, y: number): boolean => (x - 48) ** 2 + (y - 48) ** 2 < 30 ** 2;

/** Pink tissue in a disc, glass around it. */
async function writeOnGlass(path: string): Promise<void> {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % SIDE, Math.floor(at / 3 / SIDE)];
    return isDisc(x, y) ? ([200 + (x % 9), 90 + (y % 31), 150 + (x % 7)][at % 3] ?? 0) : 240 + (x % 5);
  });
  await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } }).toFile(path);
}

/** Warnings of a preparation of one such image for each mask. */
async function warningsOf(
  masks: readonly ((x: number, y: number) => number)[],
  writeImage: (path: string) => Promise<void> = writeOnGlass,
): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "images"));
  for (const [index, mask] of masks.entries()) {
    await writeImage(join(folder, "images", `m${index}.png`));
    await writeGrey(join(folder, "masks", `m${index}.png`), SIDE, SIDE, mask);
  }
  const shares = { split: [1, 0, 0], positiveRange: [0.01, 1] } as const;
  const paths = { inputs: [join(folder, "images")], masks: join(folder, "masks"), out: join(folder, "out") };
  const { warnings } = await prepareDataset({ ...paths, ...shares, patchSize: 16 });
  return warnings.filter((warning) => !warning.startsWith("The same picture"));
}

const half = (x: number, y: number): boolean => isDisc(x, y) && x < 48;

it("masks that call the glass around tissue tumour are told, with how much of it", async () => {
  const inverted = (x: number, y: number) => (half(x, y) ? 0 : 255);
  const [glass, around, ...others] = await warningsOf([inverted]);
  expect(glass).toMatch(
    /^1 of 1 masks call empty glass tumour \(m0\.png: 100 % of the glass of the first, and 8\d % of its/,
  );
  expect(around).toMatch(/^1 of 1 masks with both are tumour all along their border/);
  expect(others).toEqual([]);
});

it("a mask of another picture, whose tumour lies on glass, is told among sound ones", async () => {
  const sound = (x: number, y: number) => (half(x, y) ? 255 : 0);
  const elsewhere = (x: number, y: number) => (x > 70 && y < 40 ? 255 : 0);
  expect(await warningsOf([sound, elsewhere, sound])).toEqual([
    expect.stringMatching(/^1 of 3 masks call empty glass tumour \(m1\.png: \d+ % of the glass/),
  ]);
});

it("without glass, masks are told when most are tumour all along their border", async () => {
  const island = (x: number, y: number) => (isDisc(x, y) ? 0 : 255);
  const left = (x: number) => (x < 40 ? 255 : 0);
  const noise = (path: string) => writeNoise(path, SIDE, SIDE);
  expect(await warningsOf([island, island, left], noise)).toEqual([
    expect.stringMatching(/^2 of 3 masks with both are tumour all along their border.*\(m0\.png, m1\.png\)/),
  ]);
  expect(await warningsOf([island, left, left], noise)).toEqual([]);
});

it("sound masks, and whole images of tumour or of none, are not told", async () => {
  const sound = (x: number, y: number) => (half(x, y) ? 255 : 0);
  expect(await warningsOf([sound, () => 0, (x, y) => (isDisc(x, y) ? 255 : 0)])).toEqual([]);
  const noise = (path: string) => writeNoise(path, SIDE, SIDE);
  expect(await warningsOf([() => 255, () => 0], noise)).toEqual([]);
});
