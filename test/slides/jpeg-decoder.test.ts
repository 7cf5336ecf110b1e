import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { mutate } from "../../scripts/fixtures/mutate.js";
import { asSharp, picture } from "../../scripts/fixtures/pictures.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { decodeJpegStream } from "../../src/slides/jpeg-decoder.js";
import { withColourMarker } from "../../src/slides/jpeg-header.js";
import type { DecodedJpeg } from "../../src/slides/jpeg-thread.js";
import { encodeJpeg } from "../support/jpeg-encoder.js";
import { noiseImage } from "./made-up.js";

/** Libjpeg's pixels, by another build of it; the reason when it warns or fails. */
async function expected(stream: Uint8Array): Promise<Uint8Array | string> {
  try {
    const image = sharp(stream, { failOn: "warning", ignoreIcc: true });
    const { channels } = await image.metadata();
    return await (channels === 1 ? image.toColourspace("b-w") : image).raw().toBuffer();
  } catch (cause) {
    return String(cause);
  }
}

async function expectExact(stream: Uint8Array, decoder: DecodedJpeg["decoder"]): Promise<void> {
  const reference = await expected(stream);
  if (typeof reference === "string") throw new Error(reference);
  const { width = 0, height = 0, channels = 0 } = await sharp(stream).metadata();
  const image = await decodeJpegStream(stream, { width, height, components: channels });
  expect(image?.decoder).toBe(decoder);
  expect(Buffer.compare(image?.data ?? Buffer.alloc(0), reference), "every sample").toBe(0);
}

/** Flat parts, edges and noise, of odd sizes around those of blocks and vectors. */
const SIZES = [
  [256, 256],
  [5, 3],
  [8, 8],
  [17, 33],
  [31, 16],
  [254, 241],
  [300, 7],
] as const;

function images(width: number, height: number): readonly RgbImage[] {
  return [picture(width, height), noiseImage(width, height)];
}

describe("baseline streams are decoded fast and exactly", () => {
  it.each(["4:4:4", "4:2:0"] as const)("%s", async (chromaSubsampling) => {
    for (const [width, height] of SIZES) {
      for (const image of images(width, height)) {
        for (const quality of [20, 80, 100]) {
          const stream = await asSharp(image).jpeg({ quality, chromaSubsampling }).toBuffer();
          await expectExact(withColourMarker(stream, "YCbCr"), "fast");
        }
      }
    }
  });

  it("4:2:2, with the marker of JFIF", async () => {
    for (const [width, height] of SIZES) {
      // The encoder has room for streams that are smaller than their pixels alone.
      if (width * height < 256) continue;
      for (const image of images(width, height)) {
        for (const quality of [20, 75]) {
          await expectExact(await encodeJpeg(image, { sampling: "4:2:2", quality }), "fast");
        }
      }
    }
  });

  it("RGB, which a marker tells", async () => {
    for (const image of images(70, 50)) {
      const stream = await asSharp(image).jpeg({ chromaSubsampling: "4:4:4" }).toBuffer();
      await expectExact(withColourMarker(stream, "RGB"), "fast");
    }
  });

  it("grey", async () => {
    for (const image of images(70, 50)) {
      await expectExact(await asSharp(image).toColourspace("b-w").jpeg().toBuffer(), "fast");
    }
  });

  it("with tables of their own, whose codes are long", async () => {
    const options = { quality: 97, optimizeCoding: true, chromaSubsampling: "4:2:0" } as const;
    for (const image of images(256, 256)) {
      const stream = await asSharp(image).jpeg(options).toBuffer();
      await expectExact(withColourMarker(stream, "YCbCr"), "fast");
    }
  });

  it("with restart markers", async () => {
    const parts: Buffer[] = [];
    for (let part = 0; part < 11; part++) {
      parts.push(await encodeJpeg(noiseImage(40, 16, part), { sampling: "4:4:4", quality: 80 }));
    }
    await expectExact(stacked(parts, 16), "fast");
  });
});

/** Parts of a picture of 61 × 45: its corners, a middle that begins and ends within blocks, a pixel, columns, rows. */
const PARTS = [
  [0, 0, 9, 5],
  [52, 0, 9, 17],
  [0, 40, 33, 5],
  [60, 44, 1, 1],
  [13, 7, 31, 29],
  [15, 16, 17, 16],
  [16, 15, 1, 30],
  [1, 31, 60, 2],
] as const;

it.each(["4:4:4", "4:2:2", "4:2:0", "grey"] as const)(
  "parts of %s have the pixels of the whole",
  async (kind) => {
    const [width, height] = [61, 45];
    for (const image of images(width, height)) {
      const sampling = kind === "grey" ? "4:4:4" : kind;
      const stream =
        kind === "grey"
          ? await asSharp(image).toColourspace("b-w").jpeg().toBuffer()
          : await encodeJpeg(image, { sampling, quality: 75 });
      const components = kind === "grey" ? 1 : 3;
      const whole = await decodeJpegStream(stream, { width, height, components });
      for (const [left, top, partWidth, partHeight] of PARTS) {
        const part = { left, top, width: partWidth, height: partHeight };
        const decoded = await decodeJpegStream(stream, { width, height, components }, part);
        expect(decoded).toMatchObject({ width: partWidth, height: partHeight, decoder: "fast" });
        for (let y = 0; y < partHeight; y++) {
          const row = decoded?.data.subarray(y * partWidth * components, (y + 1) * partWidth * components);
          const at = ((top + y) * width + left) * components;
          expect(row, `${kind}, ${left}, ${top}, row ${y}`).toEqual(
            whole?.data.subarray(at, at + partWidth * components),
          );
        }
      }
    }
  },
);

it("many parts at once, some of them straight into their places", async () => {
  const image = noiseImage(61, 45);
  const stream = await encodeJpeg(image, { sampling: "4:2:0", quality: 75 });
  const picture = { width: 61, height: 45, components: 3 };
  const whole = await decodeJpegStream(stream, picture);
  const [rows, stride] = [20, 200];
  const decoded = await Promise.all(
    Array.from({ length: 64 }, async (_, index) => {
      const part = { left: index % 40, top: index % 23, width: 21, height: rows };
      const place = { data: new Uint8Array(rows * stride + 7).fill(9), offset: 7, stride };
      const pieces = [stream.subarray(0, 100), stream.subarray(100)];
      return { part, place, pixels: await decodeJpegStream(pieces, picture, part, place) };
    }),
  );
  expect(decoded.filter(({ pixels }) => pixels === "placed").length).toBeGreaterThan(0);
  for (const { part, place, pixels } of decoded) {
    for (let y = 0; y < rows; y++) {
      const at = ((part.top + y) * 61 + part.left) * 3;
      const expected = Buffer.from(whole?.data.subarray(at, at + 63) ?? []);
      const line = place.data.subarray(7 + y * stride, 7 + (y + 1) * stride);
      if (pixels === "placed") {
        expect(expected.equals(line.subarray(0, 63)), `row ${y}`).toBe(true);
        expect(line.subarray(63).every((value) => value === 9)).toBe(true);
      } else {
        expect(expected.equals(pixels?.data.subarray(y * 63, (y + 1) * 63) ?? Buffer.alloc(0))).toBe(true);
        expect(line.every((value) => value === 9)).toBe(true);
      }
    }
  }
});

/** Streams of equal tables one under the other, with a restart marker between them (T.81 E.1.4). */
function stacked(streams: readonly Buffer[], height: number): Buffer {
  const scans = streams.map((stream) => ({ stream, at: stream.indexOf(Buffer.of(0xff, 0xda)) }));
  const [first] = scans;
  if (first === undefined) throw new Error("no streams");
  const head = Buffer.from(first.stream.subarray(0, first.at));
  const frame = head.indexOf(Buffer.of(0xff, 0xc0));
  head.writeUInt16BE(height * streams.length, frame + 5);
  const mcus = Math.ceil(head.readUInt16BE(frame + 7) / 8) * Math.ceil(height / 8);
  const parts: Uint8Array[] = [head, Buffer.of(0xff, 0xdd, 0, 4, 0, mcus)];
  scans.forEach(({ stream, at }, index) => {
    const entropy = at + 2 + stream.readUInt16BE(at + 2);
    if (index === 0) parts.push(stream.subarray(at, entropy));
    else parts.push(Buffer.of(0xff, 0xd0 + ((index - 1) % 8)));
    parts.push(stream.subarray(entropy, stream.length - 2));
  });
  return Buffer.concat([...parts, Buffer.of(0xff, 0xd9)]);
}

describe("other streams are left to the complete decoder", () => {
  it.each([
    ["progressive", { sampling: "4:2:0", quality: 80, progressive: true }],
    ["4:4:0", { sampling: "4:4:0", quality: 80 }],
    ["4:1:1", { sampling: "4:1:1", quality: 80 }],
  ] as const)("%s", async (_, encoding) => {
    await expectExact(await encodeJpeg(picture(100, 60), encoding), "complete");
  });

  it("without a marker of their colours", async () => {
    await expectExact(await asSharp(picture(100, 60)).jpeg().toBuffer(), "complete");
  });

  it("larger than any tile", async () => {
    const image = { width: 2100, height: 1010, data: new Uint8Array(2100 * 1010 * 3) };
    await expectExact(await encodeJpeg(image, { sampling: "4:2:0", quality: 80 }), "complete");
  });
});

const SPOILT = { width: 90, height: 70, components: 3 };

/** Streams of a picture with bytes changed behind their header, and what each is called. */
async function* spoiledStreams(image: RgbImage, count: number) {
  for (const sampling of ["4:4:4", "4:2:0"] as const) {
    const sound = await encodeJpeg(image, { sampling, quality: 85 });
    for (let index = 0; index < count; index++) {
      yield { stream: mutate(sound, [0, 150, 400], 3, index), where: `${sampling}, mutation ${index}` };
    }
  }
}

describe("spoiled streams", () => {
  it("are what libjpeg makes of them, or are found faulty", async () => {
    let faulty = 0;
    for await (const { stream, where } of spoiledStreams(picture(90, 70), 150)) {
      const image = await decodeJpegStream(stream, SPOILT);
      const reference = await expected(stream);
      if (image?.decoder === "fast") {
        expect(reference, where).toBeInstanceOf(Uint8Array);
        expect(Buffer.from(image.data).equals(Buffer.from(reference)), where).toBe(true);
      } else faulty += 1;
    }
    expect(faulty).toBeGreaterThan(100);
  });

  it("are found faulty in any part of them, too", async () => {
    let faulty = 0;
    for await (const { stream, where } of spoiledStreams(noiseImage(90, 70), 50)) {
      const whole = await decodeJpegStream(stream, SPOILT);
      for (const [left, top] of [
        [0, 0],
        [80, 60],
      ] as const) {
        const part = { left, top, width: 10, height: 10 };
        const found = await decodeJpegStream(stream, SPOILT, part);
        expect(found?.decoder, `${where}, ${left}`).toBe(whole?.decoder);
      }
      if (whole?.decoder !== "fast") faulty += 1;
    }
    expect(faulty).toBeGreaterThan(50);
  });

  it("do not harm those after them", async () => {
    const sound = await encodeJpeg(picture(90, 70), { sampling: "4:2:2", quality: 85 });
    for (let end = 2; end < sound.length; end += 97) {
      expect(await decodeJpegStream(sound.subarray(0, end), SPOILT)).toBeNull();
    }
    await expectExact(sound, "fast");
  });
});
