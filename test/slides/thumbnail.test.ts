import { describe, expect, it } from "vitest";
import type { RgbImage } from "../../src/imaging/index.js";
import { openSlide, readThumbnail } from "../../src/slides/index.js";
import { cutTiles, EXPLICIT, writeDicom } from "../support/dicom-writer.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { expectSameImage, gradientImage, largestDifference, noiseImage } from "./made-up.js";

const files = temporaryDirectory();

function write(name: string, image: RgbImage): Promise<string> {
  const { width, height } = image;
  return writeDicom(files.path(name), {
    width,
    height,
    tileWidth: 256,
    tileHeight: 256,
    frames: cutTiles(image, 256, 256).map(({ data }) => data),
    transferSyntax: EXPLICIT,
    photometric: "RGB",
    series: `1.${name.length}`,
  });
}

describe("a thumbnail", () => {
  it("of a slide of one level is its mean over squares, across the blocks it is read in", async () => {
    const image = noiseImage(2400, 2100);
    const slide = await openSlide(await write("one.dcm", image));
    const steps: string[] = [];
    const small = await readThumbnail(slide, 80, {
      onProgress: (done, total) => steps.push(`${done}/${total}`),
    });
    await slide.close();
    expectSameImage(small, meanOverSquares(image, 30));
    expect(steps).toEqual(["0/4", "1/4", "2/4", "3/4", "4/4"]);
  });

  it("comes from the least level that is large enough", async () => {
    const picture = gradientImage(512, 256);
    const full = await write("levels.dcm", picture);
    const mean = meanOverSquares(picture, 2);
    // Told from what would be computed: a little darker.
    const half = { ...mean, data: mean.data.map((value) => Math.max(0, value - 2)) };
    await writeDicom(files.path("levels-half.dcm"), {
      width: 256,
      height: 128,
      tileWidth: 256,
      tileHeight: 128,
      frames: [half.data],
      transferSyntax: EXPLICIT,
      photometric: "RGB",
      series: "1.10",
    });
    const slide = await openSlide(full);
    expect(slide.levels).toHaveLength(2);
    expectSameImage(await readThumbnail(slide, 256), half);
    expect(largestDifference(await readThumbnail(slide, 128), meanOverSquares(half, 2))).toBe(0);
    await slide.close();
  });

  it("stops at the signal, and refuses impossible sizes", async () => {
    const slide = await openSlide(await write("stop.dcm", noiseImage(300, 300)));
    const reason = new Error("enough");
    await expect(readThumbnail(slide, 50, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const size of [0, -5, 1.5, 10_000]) {
      await expect(readThumbnail(slide, size)).rejects.toMatchObject({ tag: "usage" });
    }
    await slide.close();
  });
});

function meanOverSquares({ width, height, data }: RgbImage, side: number): RgbImage {
  const [columns, rows] = [width / side, height / side];
  const mean = new Uint8Array(columns * rows * 3);
  for (let index = 0; index < mean.length; index++) {
    const [channel, pixel] = [index % 3, Math.floor(index / 3)];
    const [left, top] = [(pixel % columns) * side, Math.floor(pixel / columns) * side];
    let sum = 0;
    for (let y = top; y < top + side; y++) {
      for (let x = left; x < left + side; x++) sum += data[(y * width + x) * 3 + channel] ?? 0;
    }
    mean[index] = Math.round(sum / side ** 2);
  }
  return { width: columns, height: rows, data: mean };
}
