import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openDicomSlide } from "../../src/slides/dicom/open-dicom.js";
import {
  cutTiles,
  type DicomOptions,
  dicomBytes,
  EXPLICIT,
  element,
  item,
  SEQUENCE_END,
} from "../support/dicom-writer.js";
import { processorStopwatch } from "../support/processor-time.js";
import { itWith, noPosix } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { encode, failureOf, gradientImage, readLevel } from "./made-up.js";

const files = temporaryDirectory();
let base: DicomOptions;

beforeAll(async () => {
  const tiles = cutTiles(gradientImage(100, 60), 40, 40);
  const frames = await Promise.all(tiles.map((tile) => encode(tile, "jpeg")));
  base = { width: 100, height: 60, tileWidth: 40, tileHeight: 40, frames };
});

async function write(bytes: Uint8Array): Promise<string> {
  const path = join(await files.folder(), "slide.dcm");
  await writeFile(path, bytes);
  return path;
}

/** Opens the file and reads its first level, as far as that goes. */
async function use(path: string): Promise<void> {
  const slide = await openDicomSlide(path);
  try {
    await readLevel(slide, 0);
  } finally {
    await slide.close();
  }
}

const nothing = Buffer.alloc(0);
const UNDEFINED = 0xffff_ffff;
/** A sequence of sequences, `depth` deep. */
const nested = (depth: number): Buffer =>
  depth === 0 ? nothing : element(0x00081140, "SQ", item(nested(depth - 1)));
const uint16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer);
const sized = (tag: number, value: number): Buffer =>
  element(tag, "UL", Buffer.from(Uint32Array.of(value).buffer));

interface Hostile {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly message: RegExp;
}

const cases: readonly Hostile[] = [
  {
    name: "no DICOM letters",
    bytes: () => Buffer.alloc(500),
    message: /is no DICOM file/,
  },
  {
    name: "shorter than the preamble",
    bytes: () => Buffer.from("short"),
    message: /is no DICOM file/,
  },
  {
    name: "no transfer syntax",
    bytes: () => Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]),
    message: /does not name its transfer syntax/,
  },
  {
    name: "deflated attributes",
    bytes: () => dicomBytes({ ...base, transferSyntax: "1.2.840.10008.1.2.1.99" }),
    message: /has an encoding that is not read/,
  },
  {
    name: "another compression",
    bytes: () => dicomBytes({ ...base, transferSyntax: "1.2.840.10008.1.2.4.80" }),
    message: /compression that is not read \(JPEG-LS/,
  },
  {
    name: "another kind of image",
    bytes: () => dicomBytes({ ...base, sopClass: "1.2.840.10008.5.1.4.1.1.2" }),
    message: /no whole-slide image \(SOP class 1\.2\.840\.10008\.5\.1\.4\.1\.1\.2/,
  },
  {
    name: "16-bit samples",
    bytes: () => dicomBytes({ ...base, bits: 16 }),
    message: /pixels of a kind that is not read \(3 samples of 16 bits/,
  },
  {
    name: "65535 samples per pixel",
    bytes: () => dicomBytes({ ...base, samples: 65535 }),
    message: /pixels of a kind that is not read/,
  },
  {
    name: "inverted grey",
    bytes: () => dicomBytes({ ...base, samples: 1, photometric: "MONOCHROME1" }),
    message: /colours of a kind that is not read \(MONOCHROME1/,
  },
  {
    name: "several optical paths",
    bytes: () => dicomBytes({ ...base, opticalPaths: 4 }),
    message: /has several optical paths/,
  },
  {
    name: "a side of four thousand million pixels",
    bytes: () => dicomBytes({ ...base, width: 0xffff_ffff }),
    message: /has an impossible size \(4294967295 × 60/,
  },
  {
    name: "no pixels",
    bytes: () => dicomBytes({ ...base, height: 0 }),
    message: /has an impossible size/,
  },
  {
    name: "frames of 65535 × 65535 pixels",
    bytes: () => dicomBytes({ ...base, tileWidth: 65535, tileHeight: 65535 }),
    message: /has frames of an impossible size/,
  },
  {
    name: "frames without pixels",
    bytes: () => dicomBytes({ ...base, tileWidth: 0 }),
    message: /has frames of an impossible size/,
  },
  {
    name: "a thousand million frames",
    bytes: () => dicomBytes({ ...base, claimedFrames: "1000000000" }),
    message: /has an impossible number of frames \(1000000000/,
  },
  {
    name: "a number of frames that is none",
    bytes: () => dicomBytes({ ...base, claimedFrames: "many" }),
    message: /has an impossible number of frames \(NaN/,
  },
  {
    name: "more tiles than frames",
    bytes: () => dicomBytes({ ...base, width: 50_000_000, height: 50_000_000 }),
    message: /has another number of frames than tiles/,
  },
  {
    name: "fewer uncompressed pixels than claimed",
    bytes: () => dicomBytes({ ...base, transferSyntax: EXPLICIT, photometric: "RGB" }),
    message: /has fewer pixels than it claims/,
  },
  {
    name: "an attribute longer than the file",
    bytes: () => dicomBytes({ ...base, extra: [element(0x00480001, "OB", nothing, false, 2 ** 31)] }),
    message: /reaches beyond its end \(\(0048,0001\)/,
  },
  {
    name: "an attribute longer than its item",
    bytes: () =>
      dicomBytes({
        ...base,
        extra: [element(0x00480008, "SQ", item(element(0x00480009, "SH", nothing, false, 9)))],
      }),
    message: /reaches beyond its end \(\(0048,0009\)/,
  },
  {
    name: "an attribute without a type",
    bytes: () => dicomBytes({ ...base, extra: [Buffer.from([0x48, 0, 8, 0, 1, 2, 0, 0])] }),
    message: /an attribute without a type/,
  },
  {
    name: "text of undefined length",
    bytes: () => dicomBytes({ ...base, extra: [element(0x00480008, "UT", nothing, false, UNDEFINED)] }),
    message: /an attribute without a length/,
  },
  {
    name: "sequences a thousand deep",
    bytes: () => dicomBytes({ ...base, extra: [nested(1000)] }),
    message: /nests its sequences too deep/,
  },
  {
    name: "a sequence without items",
    bytes: () =>
      dicomBytes({ ...base, extra: [element(0x00480008, "SQ", element(0x00480009, "SH", nothing))] }),
    message: /something else than items/,
  },
  {
    name: "sixty thousand attributes",
    bytes: () => {
      const many = Array.from({ length: 60_000 }, (_, index) => element(0x0049_0000 + index, "SH", nothing));
      return dicomBytes({ ...base, extra: [Buffer.concat(many)] });
    },
    message: /too many attributes/,
  },
  {
    name: "no pixel data",
    bytes: () => {
      const bytes = dicomBytes(base);
      return bytes.subarray(0, bytes.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0])));
    },
    message: /holds no pixels/,
  },
  {
    name: "compressed frames that are not in fragments",
    bytes: () => {
      const bytes = dicomBytes(base);
      const start = bytes.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0]));
      return Buffer.concat([bytes.subarray(0, start), element(0x7fe00010, "OB", Buffer.alloc(100))]);
    },
    message: /contradicts itself/,
  },
  {
    name: "cut in the header",
    bytes: () => dicomBytes(base).subarray(0, 300),
    message: /cut short|beyond its end|holds no pixels|impossible/,
  },
  {
    name: "cut in a frame, with an offset table",
    bytes: () => {
      const bytes = dicomBytes(base);
      return bytes.subarray(0, bytes.length - 500);
    },
    message: /ends in the middle of a frame|a frame beyond its end/,
  },
  {
    name: "cut in a frame, without an offset table",
    bytes: () => {
      const bytes = dicomBytes({ ...base, offsets: "none" });
      return bytes.subarray(0, bytes.length - 500);
    },
    message: /ends in the middle of a frame/,
  },
  {
    name: "offsets that point into frames",
    bytes: () => dicomBytes({ ...base, offsetError: 6 }),
    message: /does not begin where its offset says/,
  },
  {
    name: "offsets beyond the file",
    bytes: () => dicomBytes({ ...base, offsetError: 0x7000_0000 }),
    message: /has a frame beyond its end/,
  },
  {
    name: "extended offsets beyond 2^53",
    bytes: () => dicomBytes({ ...base, offsets: "extended", offsetError: 2 ** 60 }),
    message: /has a frame beyond its end|out of order/,
  },
  {
    name: "negative extended offsets",
    bytes: () => dicomBytes({ ...base, offsets: "extended", offsetError: -(2 ** 20) }),
    message: /points beyond its end|out of order/,
  },
  {
    name: "an offset table for other frames",
    bytes: () => dicomBytes({ ...base, width: 120, height: 80, claimedFrames: "5", tileHeight: 50 }),
    message: /another number of frames than tiles|table of frame offsets of the wrong length/,
  },
  {
    name: "fewer frames than it claims",
    bytes: () =>
      dicomBytes({ ...base, frames: base.frames.slice(0, 4), offsets: "none", claimedFrames: "6" }),
    message: /another number of frames than it claims \(4 fragments/,
  },
  {
    name: "a frame without bytes",
    bytes: () =>
      dicomBytes({ ...base, frames: base.frames.map((frame, index) => (index === 3 ? nothing : frame)) }),
    message: /a frame without bytes \(frame 3/,
  },
  {
    name: "frames that are no JPEG",
    bytes: () => dicomBytes({ ...base, frames: base.frames.map(() => Buffer.from("not a picture!")) }),
    message: /has a damaged frame \(frame \d: it is no JPEG/,
  },
  {
    name: "a JPEG frame that is cut",
    bytes: () =>
      dicomBytes({ ...base, frames: base.frames.map((frame) => frame.subarray(0, frame.length - 200)) }),
    message: /has a damaged frame/,
  },
  {
    name: "a JPEG bomb: a frame larger than it claims",
    bytes: () =>
      dicomBytes({
        ...base,
        frames: base.frames.map((frame) => {
          const bomb = Buffer.from(frame);
          const start = bomb.indexOf(Buffer.from([0xff, 0xc0]));
          uint16(0xffff).copy(bomb, start + 5);
          uint16(0xffff).copy(bomb, start + 7);
          return bomb;
        }),
      }),
    message: /a frame of another size than it claims \(frame \d has 65535 × 65535/,
  },
  {
    name: "JPEG frames called JPEG 2000",
    bytes: () => dicomBytes({ ...base, transferSyntax: "1.2.840.10008.1.2.4.91", photometric: "RGB" }),
    message: /has a damaged frame \(frame \d: no JPEG 2000 stream/,
  },
  {
    name: "grey frames in a colour image",
    bytes: () => dicomBytes({ ...base, samples: 1, photometric: "MONOCHROME2" }),
    message: /a frame of another kind than it claims/,
  },
  {
    name: "sparse frames without places",
    bytes: () => dicomBytes({ ...base, organization: "TILED_SPARSE" }),
    message: /does not say where its frames lie/,
  },
  {
    name: "sparse frames off the grid",
    bytes: () =>
      dicomBytes({
        ...base,
        organization: "TILED_SPARSE",
        positions: base.frames.map((_, index) => [index + 2, 1]),
      }),
    message: /do not lie on a grid/,
  },
  {
    name: "sparse frames at negative places",
    bytes: () =>
      dicomBytes({ ...base, organization: "TILED_SPARSE", positions: base.frames.map(() => [-39, 1]) }),
    message: /do not lie on a grid/,
  },
  {
    name: "sparse frames outside the image",
    bytes: () =>
      dicomBytes({ ...base, organization: "TILED_SPARSE", positions: base.frames.map(() => [40_001, 1]) }),
    message: /a frame outside the image/,
  },
  {
    name: "a lone part of a concatenation",
    bytes: () => dicomBytes({ ...base, concatenation: { uid: "1.1", firstFrame: 6 } }),
    message: /other parts do not fit/,
  },
  {
    name: "a label alone",
    bytes: () => dicomBytes({ ...base, flavour: "LABEL" }),
    message: /has no image of the slide/,
  },
];

describe("hostile DICOM files", () => {
  it.each(cases.map((one) => [one.name, one] as const))("%s", async (_, { bytes, message }) => {
    const path = await write(bytes());
    const seconds = processorStopwatch();
    const failure = await failureOf(use(path));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toMatch(message);
    expect(seconds()).toBeLessThan(1);
  });

  it("wrong numbers in the table of extended offsets do not matter to other frames", async () => {
    const bytes = dicomBytes({ ...base, offsets: "extended" });
    const path = await write(bytes);
    await expect(use(path)).resolves.toBeUndefined();
  });

  it("ignores a label with absurd size until it is asked for", async () => {
    const path = await write(dicomBytes(base));
    const label = { ...base, flavour: "LABEL", tileWidth: 40, width: 60_000, height: 60_000 };
    await writeFile(join(path, "..", "label.dcm"), dicomBytes(label));
    const slide = await openDicomSlide(path);
    const failure = await failureOf(slide.readAssociatedImage("label"));
    expect(failure.message).toMatch(/associated image that is too large/);
    await slide.close();
  });

  itWith("posix", noPosix, "a pipe in the folder does not block", async () => {
    const path = await write(dicomBytes(base));
    execFileSync("mkfifo", [join(path, "..", "pipe.dcm")]);
    await expect(use(path)).resolves.toBeUndefined();
  });

  it("a folder without slides, and one with two", async () => {
    const empty = await files.folder();
    expect((await failureOf(openDicomSlide(empty))).message).toMatch(/holds no DICOM whole-slide image/);
    const two = await files.folder();
    await writeFile(join(two, "a.dcm"), dicomBytes({ ...base, series: "1.1" }));
    await writeFile(join(two, "b.dcm"), dicomBytes({ ...base, series: "1.2" }));
    expect((await failureOf(openDicomSlide(two))).message).toMatch(/holds several slides/);
  });

  it("a file that is not there", async () => {
    const failure = await failureOf(openDicomSlide(files.path("nowhere.dcm")));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toMatch(/cannot be opened/);
  });

  it("sequence ends without a sequence are skipped", async () => {
    const path = await write(dicomBytes({ ...base, extra: [SEQUENCE_END] }));
    await expect(use(path)).resolves.toBeUndefined();
  });

  it("impossible resolutions are left out", async () => {
    for (const spacing of [
      [0, 0],
      [-1, -1],
      [Number.NaN, 1],
      [Number.POSITIVE_INFINITY, 1],
    ] as const) {
      const slide = await openDicomSlide(await write(dicomBytes({ ...base, spacing })));
      expect(slide.micronsPerPixel).toBeNull();
      await slide.close();
    }
  });

  it("zero values of the size attribute are not read past", async () => {
    const path = await write(dicomBytes({ ...base, extra: [sized(0x00480303, 0)] }));
    await expect(use(path)).resolves.toBeUndefined();
  });
});
