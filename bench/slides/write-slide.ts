import { open } from "node:fs/promises";
import { asSharp, cutTiles, picture } from "../../scripts/fixtures/pictures.js";
import { jpegDirectory } from "../../scripts/fixtures/slide-files.js";
import { buildTiff, Type, type WrittenField } from "../../scripts/fixtures/tiff-writer.js";
import { resizeRgb } from "../../src/imaging/index.js";

/** Tiles along a side of the picture that the slide repeats; each is stored anew wherever it is shown. */
const VARIETY_SIDE = 16;
/** Streams are written together up to so many bytes. */
const WRITE_BYTES = 8 * 2 ** 20;

/**
 * Writes a square BigTIFF of JPEG tiles (quality 80, 4:2:0, shared tables) without holding more than its
 * directory in memory. One picture is repeated all over it.
 * @param reductions levels below the full one, each by how many times it is smaller: a divisor of {@link VARIETY_SIDE}
 */
export async function writeJpegSlide(
  path: string,
  side: number,
  tileSide: number,
  reductions: readonly number[] = [],
): Promise<void> {
  const handle = await open(path, "w");
  try {
    let position = 16;
    const levels: { readonly fields: WrittenField[] }[] = [];
    for (const reduction of [1, ...reductions]) {
      const { tables, streams } = await encodedTiles(tileSide, reduction);
      const levelSide = Math.ceil(side / reduction);
      const columns = Math.ceil(levelSide / tileSide);
      const repeated = VARIETY_SIDE / reduction;
      const chosen = Array.from({ length: columns ** 2 }, (_, index) => {
        const [row, column] = [Math.floor(index / columns) % repeated, (index % columns) % repeated];
        return streams[row * repeated + column] ?? Buffer.alloc(0);
      });
      const written = await writeTiles(handle, position, chosen);
      position = written.end;
      const reduced = reduction === 1 ? [] : [{ tag: 254, type: Type.Long, values: [1] }];
      const size = { width: levelSide, height: levelSide };
      levels.push({
        fields: [
          ...jpegDirectory(size, tileSide, [], { more: [tables, ...reduced] }).fields,
          { tag: 324, type: Type.Long8, values: written.offsets },
          { tag: 325, type: Type.Long8, values: chosen.map(({ length }) => length) },
        ],
      });
    }
    await appendDirectories(handle, position, levels);
  } finally {
    await handle.close();
  }
}

/** Mean bytes of a tile. */
export async function meanTileBytes(tileSide: number): Promise<number> {
  const { streams } = await encodedTiles(tileSide, 1);
  return streams.reduce((sum, { length }) => sum + length, 0) / streams.length;
}

async function writeTiles(
  handle: Awaited<ReturnType<typeof open>>,
  start: number,
  streams: readonly Buffer[],
): Promise<{ readonly offsets: number[]; readonly end: number }> {
  const offsets: number[] = [];
  let [position, first, bytes] = [start, start, 0];
  let parts: Buffer[] = [];
  const flush = async (): Promise<void> => {
    const joined = Buffer.concat(parts);
    await handle.write(joined, 0, joined.length, first);
    [parts, first, bytes] = [[], position, 0];
  };
  for (const stream of streams) {
    const padding = stream.length % 2;
    offsets.push(position);
    parts.push(stream, Buffer.alloc(padding));
    position += stream.length + padding;
    bytes += stream.length;
    if (bytes >= WRITE_BYTES) await flush();
  }
  await flush();
  return { offsets, end: position };
}

/** The shared tables as a field, and abbreviated streams of the picture's tiles, when it is so many times smaller. */
async function encodedTiles(
  tileSide: number,
  reduction: number,
): Promise<{ tables: WrittenField; streams: Buffer[] }> {
  const whole = tileSide * VARIETY_SIDE;
  const side = whole / reduction;
  const smaller = resizeRgb(picture(whole, whole), side, side, "bilinear");
  const tiles = cutTiles(smaller, tileSide, tileSide);
  const encoded: Buffer[] = [];
  for (const tile of tiles) {
    const options = { quality: 80, chromaSubsampling: "4:2:0", optimizeCoding: false } as const;
    encoded.push(await asSharp(tile).jpeg(options).toBuffer());
  }
  const { fields, segments = [] } = jpegDirectory({ width: 1, height: 1 }, tileSide, encoded);
  const tables = fields.find(({ tag }) => tag === 347);
  if (tables === undefined) throw new Error("the encoder wrote no tables");
  return { tables, streams: segments.map((segment) => Buffer.from(segment ?? [])) };
}

/** Directories built as a file of their own, moved to the end of this one. */
async function appendDirectories(
  handle: Awaited<ReturnType<typeof open>>,
  position: number,
  levels: readonly { readonly fields: readonly WrittenField[] }[],
): Promise<void> {
  const alone = buildTiff(levels, { big: true });
  const base = position - 16;
  const moved = (at: number): number => {
    const offset = Number(alone.readBigUInt64LE(at));
    if (offset !== 0) alone.writeBigUInt64LE(BigInt(offset + base), at);
    return offset;
  };
  for (let directory = moved(8); directory !== 0; ) {
    const entries = Number(alone.readBigUInt64LE(directory));
    for (let entry = 0; entry < entries; entry++) {
      const at = directory + 8 + entry * 20;
      const isInline = valueBytes(alone.readUInt16LE(at + 2)) * Number(alone.readBigUInt64LE(at + 4)) <= 8;
      if (!isInline) moved(at + 12);
    }
    directory = moved(directory + 8 + entries * 20);
  }
  await handle.write(alone, 16, alone.length - 16, position);
  await handle.write(alone, 0, 16, 0);
}

function valueBytes(type: number): number {
  if (type === Type.Long8) return 8;
  if (type === Type.Long) return 4;
  return type === Type.Short ? 2 : 1;
}
