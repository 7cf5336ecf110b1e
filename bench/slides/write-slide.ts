import { open } from "node:fs/promises";
import { asSharp, cutTiles, picture } from "../../scripts/fixtures/pictures.js";
import { jpegDirectory } from "../../scripts/fixtures/slide-files.js";
import { buildTiff, Type, type WrittenField } from "../../scripts/fixtures/tiff-writer.js";
import { RandomStream } from "../../src/common/index.js";

/** Different tiles in the slide; each is stored anew wherever it is shown. */
const VARIETY_SIDE = 16;

/**
 * Writes a square BigTIFF of JPEG tiles (quality 80, 4:2:0, shared tables) without holding more than its
 * directory in memory. The tiles are cut from one picture and stored in random order.
 */
export async function writeJpegSlide(path: string, side: number, tileSide: number): Promise<void> {
  const { tables, streams } = await encodedTiles(tileSide);
  const perSide = Math.ceil(side / tileSide);
  const random = new RandomStream(0, "bench slide");
  const offsets: number[] = [];
  const byteCounts: number[] = [];
  const handle = await open(path, "w");
  try {
    let position = 16;
    for (let index = 0; index < perSide * perSide; index++) {
      const stream = streams[random.integer(streams.length)] ?? Buffer.alloc(0);
      await handle.write(stream, 0, stream.length, position);
      offsets.push(position);
      byteCounts.push(stream.length);
      position += stream.length + (stream.length % 2);
    }
    const size = { width: side, height: side };
    const fields: WrittenField[] = [
      ...jpegDirectory(size, tileSide, [], { more: [tables] }).fields,
      { tag: 324, type: Type.Long8, values: offsets },
      { tag: 325, type: Type.Long8, values: byteCounts },
    ];
    await appendDirectory(handle, position, fields);
  } finally {
    await handle.close();
  }
}

/** The shared tables as a field, and abbreviated streams of many different tiles. */
async function encodedTiles(tileSide: number): Promise<{ tables: WrittenField; streams: Buffer[] }> {
  const tiles = cutTiles(picture(tileSide * VARIETY_SIDE, tileSide * VARIETY_SIDE), tileSide, tileSide);
  const whole: Buffer[] = [];
  for (const tile of tiles) {
    const options = { quality: 80, chromaSubsampling: "4:2:0", optimizeCoding: false } as const;
    whole.push(await asSharp(tile).jpeg(options).toBuffer());
  }
  const { fields, segments = [] } = jpegDirectory({ width: 1, height: 1 }, tileSide, whole);
  const tables = fields.find(({ tag }) => tag === 347);
  if (tables === undefined) throw new Error("the encoder wrote no tables");
  return { tables, streams: segments.map((segment) => Buffer.from(segment ?? [])) };
}

/** A directory built as a file of its own, moved to the end of this one. */
async function appendDirectory(
  handle: Awaited<ReturnType<typeof open>>,
  position: number,
  fields: readonly WrittenField[],
): Promise<void> {
  const alone = buildTiff([{ fields }], { big: true });
  const base = position - 16;
  const directory = Number(alone.readBigUInt64LE(8));
  const entries = Number(alone.readBigUInt64LE(directory));
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 8 + entry * 20;
    const isInline = valueBytes(alone.readUInt16LE(at + 2)) * Number(alone.readBigUInt64LE(at + 4)) <= 8;
    if (!isInline) alone.writeBigUInt64LE(alone.readBigUInt64LE(at + 12) + BigInt(base), at + 12);
  }
  alone.writeBigUInt64LE(BigInt(directory + base), 8);
  await handle.write(alone, 16, alone.length - 16, position);
  await handle.write(alone, 0, 16, 0);
}

function valueBytes(type: number): number {
  if (type === Type.Long8) return 8;
  if (type === Type.Long) return 4;
  return type === Type.Short ? 2 : 1;
}
