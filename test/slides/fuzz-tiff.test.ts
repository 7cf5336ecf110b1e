import { readFile } from "node:fs/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { directoryOffsets, mutate } from "../../scripts/fixtures/mutate.js";
import { cutTiles, encodeJpeg2000, halved, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage, jpegPage, rgbFields } from "../../scripts/fixtures/slide-files.js";
import { ascii, buildTiff, long } from "../../scripts/fixtures/tiff-writer.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { HOSTILE_LIMITS, SlideChild } from "../support/slide-child.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

/**
 * Seconds in all, but at least {@link LEAST_MUTATIONS} of each file; EPSAM_FUZZ_SECONDS=600 looks longer,
 * EPSAM_FUZZ_SEED=2 elsewhere.
 */
const SECONDS = Number(process.env.EPSAM_FUZZ_SECONDS ?? 15);
const SEED = Number(process.env.EPSAM_FUZZ_SEED ?? 1);
const PATIENCE = 60;
/** Mutations of each file on however slow a machine. */
const LEAST_MUTATIONS = 30;

const REAL = ["cmu-1-small-region.svs", "bcss1008.tif", "small_HE_levels.tiff", "kidney-48-5.tif"];

const files = temporaryDirectory();

/** A process reads them all, unless one of them ends it. */
let child: SlideChild | undefined;
afterEach(({ task }) => {
  if (task.result?.state === "fail") closeChild();
});
afterAll(closeChild);

function closeChild(): void {
  child?.close();
  child = undefined;
}

/** Reads spoiled copies of one file in turn, in a process of their own, until the time is up. */
async function fuzz(name: string, original: Buffer, seconds: number): Promise<void> {
  const aims = directoryOffsets(original);
  const outcomes = new Map<string, number>();
  child ??= new SlideChild();
  const end = Date.now() + seconds * 1000;
  for (let index = 0; index < LEAST_MUTATIONS || Date.now() < end; index++) {
    const path = await files.write("spoiled.tif", mutate(original, aims, SEED, index));
    const { outcome, message, processorSeconds, addedMegabytes } = await child.read(path, PATIENCE);
    const where = `${name}, seed ${SEED}, mutation ${index}: ${message}`;
    expect(["read", "slide"], where).toContain(outcome);
    expect(addedMegabytes, where).toBeLessThan(HOSTILE_LIMITS.megabytes);
    expect(processorSeconds, where).toBeLessThan(HOSTILE_LIMITS.seconds);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect(outcomes.get("slide"), "some mutations do harm").toBeGreaterThan(0);
}

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
