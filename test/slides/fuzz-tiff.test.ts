import { readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { directoryOffsets } from "../../scripts/fixtures/mutate.js";
import { cutTiles, encodeJpeg2000, halved, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage, jpegPage, rgbFields } from "../../scripts/fixtures/slide-files.js";
import { ascii, buildTiff, long } from "../../scripts/fixtures/tiff-writer.js";
import { fuzzer, fuzzSeconds } from "../support/fuzz.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

/** Seconds in all, but at least 30 mutations of each file. */
const SECONDS = fuzzSeconds(45);

const REAL = ["cmu-1-small-region.svs", "bcss1008.tif", "small_HE_levels.tiff", "kidney-48-5.tif"];

const files = temporaryDirectory();

const fuzzFile = fuzzer(files, 30);
const fuzz = (title: string, original: Buffer, seconds: number) =>
  fuzzFile({ file: "spoiled.tif", title, original, aims: directoryOffsets(original), seconds });

describeWithShared(
  "spoiled copies of real slides are read or refused",
  REAL.map((name) => `data/slides/${name}`),
  () => {
    it.each(REAL)(
      "%s",
      async (name) => {
        const original = await readFile(sharedPath("data", "slides", name));
        await fuzz(name, original, (SECONDS * 2) / 3 / REAL.length);
      },
      120_000 + SECONDS * 1000,
    );
  },
);

describe("spoiled copies of generated slides are read or refused", () => {
  const image = picture(200, 130);
  const half = halved(image);

  async function jpeg2000(): Promise<Buffer> {
    const segments: Uint8Array[] = [];
    for (const tile of cutTiles(image, 64, 64)) segments.push(await encodeJpeg2000(tile));
    return buildTiff([
      { fields: [...rgbFields(image, 64, 33005), ascii(270, "Aperio\n|MPP = 0.5")], segments },
    ]);
  }

  it.each([
    ["JPEG 2000", jpeg2000],
    [
      "JPEG with shared tables",
      async () => buildTiff([await jpegPage(image, 64), await jpegPage(half, 64, { more: [long(254, 1)] })]),
    ],
    [
      "OME-TIFF with SubIFDs",
      () => {
        const xml = '<OME><Image><Pixels SizeX="200" SizeY="130" SizeC="1" Type="uint8"/></Image></OME>';
        return buildTiff([
          { ...deflatePage(image, 64, [ascii(270, xml)]), subDirectories: [deflatePage(half, 64)] },
        ]);
      },
    ],
  ] as const)(
    "%s",
    async (name, build) => {
      await fuzz(name, await build(), SECONDS / 3 / 3);
    },
    120_000 + SECONDS * 1000,
  );
});
