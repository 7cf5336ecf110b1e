import { mkdir, readFile } from "node:fs/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { mutate } from "../../scripts/fixtures/mutate.js";
import { cutTiles, dicomBytes, IMPLICIT } from "../support/dicom-writer.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { HOSTILE_LIMITS, SlideChild } from "../support/slide-child.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { encode, gradientImage } from "./made-up.js";

/** Seconds for each file; EPSAM_FUZZ_SECONDS=600 looks longer, EPSAM_FUZZ_SEED=2 elsewhere. */
const SECONDS = Number(process.env.EPSAM_FUZZ_SECONDS ?? 10) / 15;
const SEED = Number(process.env.EPSAM_FUZZ_SEED ?? 1);
const PATIENCE = 60;
const LEAST_MUTATIONS = 20;
/** Where the attributes of a DICOM file lie. */
const HEADER = [128, 400, 700, 1000];

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
async function fuzz(name: string, original: Uint8Array, aims: readonly number[]): Promise<void> {
  let refused = 0;
  child ??= new SlideChild();
  const end = Date.now() + SECONDS * 1000;
  for (let index = 0; index < LEAST_MUTATIONS || Date.now() < end; index++) {
    const path = await files.write(name, mutate(original, aims, SEED, index));
    const { outcome, message, processorSeconds, addedMegabytes } = await child.read(path, PATIENCE);
    const where = `${name}, seed ${SEED}, mutation ${index}: ${message}`;
    expect(["read", "slide"], where).toContain(outcome);
    expect(addedMegabytes, where).toBeLessThan(HOSTILE_LIMITS.megabytes);
    expect(processorSeconds, where).toBeLessThan(HOSTILE_LIMITS.seconds);
    if (outcome === "slide") refused += 1;
  }
  expect(refused, "some mutations do harm").toBeGreaterThan(0);
}

describeWithShared("spoiled copies of a real DICOM file", ["data/slides/small_dicom.dcm"], () => {
  it("are read or refused", async () => {
    const original = await readFile(sharedPath("data", "slides", "small_dicom.dcm"));
    await fuzz("real.dcm", original, HEADER);
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
    await fuzz("sparse.dcm", bytes, HEADER);
  }, 180_000);

  it("DICOM without written types, of unstated order", async () => {
    const frames = tiles.map(({ data }) => data);
    const options = { transferSyntax: IMPLICIT, photometric: "RGB", organization: null } as const;
    await fuzz("implicit.dcm", dicomBytes({ ...size, ...options, frames, undefinedLengths: true }), HEADER);
  }, 180_000);

  it("DeepZoom descriptors", async () => {
    await mkdir(files.path("zoom_files/8"), { recursive: true });
    await files.write("zoom_files/8/0_0.png", await encode(image));
    const text =
      `<?xml version="1.0" encoding="UTF-8"?><Image xmlns="http://schemas.microsoft.com/deepzoom/2008" ` +
      `Format="png" Overlap="0" TileSize="256"><Size Width="200" Height="130"/></Image>`;
    await fuzz("zoom.dzi", Buffer.from(text), [0, 40, 120]);
  }, 180_000);

  it("PNG, JPEG and WebP", async () => {
    for (const format of ["png", "jpeg", "webp"] as const) {
      await fuzz(`picture.${format}`, await encode(image, format), [0, 8, 40]);
    }
  }, 300_000);
});
