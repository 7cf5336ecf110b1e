import { mkdir, readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { cutTiles, dicomBytes, IMPLICIT } from "../support/dicom-writer.js";
import { fuzzer, fuzzSeconds } from "../support/fuzz.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { encode, gradientImage } from "./made-up.js";

/** Where the attributes of a DICOM file lie. */
const HEADER = [128, 400, 700, 1000];

const files = temporaryDirectory();

/** Seconds for each file. */
const seconds = fuzzSeconds(30) / 15;
const fuzz = fuzzer(files, 20);

describeWithShared("spoiled copies of a real DICOM file", ["data/slides/small_dicom.dcm"], () => {
  it("are read or refused", async () => {
    const original = await readFile(sharedPath("data", "slides", "small_dicom.dcm"));
    await fuzz({ file: "real.dcm", original, aims: HEADER, seconds });
  }, 180_000);
});

describe("spoiled copies of generated files are read or refused", () => {
  const image = gradientImage(200, 130);
  const tiles = cutTiles(image, 64, 64);
  const size = { width: 200, height: 130, tileWidth: 64, tileHeight: 64 };

  it("DICOM with frames at stated places and an extended table of offsets", async () => {
    const frames = await Promise.all(tiles.map((tile) => encode(tile, "jpeg")));
    const positions = tiles.map(
      (_, index) => [(index % 4) * 64 + 1, Math.floor(index / 4) * 64 + 1] as const,
    );
    const bytes = dicomBytes({
      ...size,
      frames,
      positions,
      organization: "TILED_SPARSE",
      offsets: "extended",
    });
    await fuzz({ file: "sparse.dcm", original: bytes, aims: HEADER, seconds });
  }, 180_000);

  it("DICOM without written types, of unstated order", async () => {
    const frames = tiles.map(({ data }) => data);
    const options = { transferSyntax: IMPLICIT, photometric: "RGB", organization: null } as const;
    const original = dicomBytes({ ...size, ...options, frames, undefinedLengths: true });
    await fuzz({ file: "implicit.dcm", original, aims: HEADER, seconds });
  }, 180_000);

  it("DeepZoom descriptors", async () => {
    await mkdir(files.path("zoom_files/8"), { recursive: true });
    await files.write("zoom_files/8/0_0.png", await encode(image));
    const text =
      `<?xml version="1.0" encoding="UTF-8"?><Image xmlns="http://schemas.microsoft.com/deepzoom/2008" ` +
      `Format="png" Overlap="0" TileSize="256"><Size Width="200" Height="130"/></Image>`;
    await fuzz({ file: "zoom.dzi", original: Buffer.from(text), aims: [0, 40, 120], seconds });
  }, 180_000);

  it("PNG, JPEG and WebP", async () => {
    for (const format of ["png", "jpeg", "webp"] as const) {
      const original = await encode(image, format);
      await fuzz({ file: `picture.${format}`, original, aims: [0, 8, 40], seconds });
    }
  }, 300_000);
});
