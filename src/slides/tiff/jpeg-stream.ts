/** What the components of a three-component JPEG are, as TIFF's photometric interpretation tells. */
export type JpegColour = "ycc" | "rgb";

/** A JPEG stream that can be decoded alone, in two pieces. */
export interface StandaloneJpeg {
  /** All before the first scan. */
  readonly head: Uint8Array;
  /** The rest, in the tile's own memory. */
  readonly scans: Uint8Array;
  /** What the tile itself has before its first scan. */
  readonly own: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

const Marker = { Start: 0xd8, End: 0xd9, Scan: 0xda, Jfif: 0xe0, Adobe: 0xee } as const;
/** Baseline, extended and progressive Huffman frames. */
const READ_FRAMES = new Set([0xc0, 0xc1, 0xc2]);
const NOT_FRAMES = new Set([0xc4, 0xc8, 0xcc]);

interface Segment {
  readonly marker: number;
  /** With its marker. */
  readonly bytes: Uint8Array;
}

/**
 * Joins a tile's abbreviated JPEG stream with the page's shared tables (TIFF Technical Note 2) and states its
 * colour space with an Adobe APP14 segment (T.872 6.5.3): in TIFF the photometric interpretation decides, while
 * decoders judge a lone stream by its markers.
 * @param like another tile with the same tables and colours; nearly always its head serves this one, too
 * @throws Error when the stream is no JPEG of the kinds that are read
 */
export function standaloneJpeg(
  tile: Uint8Array,
  tables: Uint8Array | null,
  colour: JpegColour,
  like?: StandaloneJpeg,
): StandaloneJpeg {
  if (like !== undefined) {
    const { length } = like.own;
    const isAlike = tile[length] === 0xff && tile[length + 1] === Marker.Scan;
    if (isAlike && Buffer.compare(tile.subarray(0, length), like.own) === 0) {
      return { ...like, scans: tile.subarray(length) };
    }
  }
  const { segments, rest } = readSegments(tile);
  if (rest === null) throw new Error("a JPEG stream without a scan");
  const frame = segments.find(({ marker }) => isFrame(marker));
  if (frame === undefined) throw new Error("a JPEG stream without a frame");
  if (!READ_FRAMES.has(frame.marker)) throw new Error("a JPEG stream of a kind that is not read");
  const { bytes } = frame;
  if (bytes.length < 10 || bytes[4] !== 8) throw new Error("a JPEG stream of other than 8 bits");
  const components = bytes[9] ?? 0;
  const shared = tables === null || tables.length < 4 ? [] : readSegments(tables).segments;
  const parts = [Uint8Array.of(0xff, Marker.Start)];
  if (components === 3) parts.push(adobeSegment(colour));
  for (const { marker, bytes: segment } of [...shared, ...segments]) {
    if (marker !== Marker.Jfif && marker !== Marker.Adobe) parts.push(Uint8Array.from(segment));
  }
  return {
    head: Buffer.concat(parts),
    scans: rest,
    own: tile.slice(0, tile.length - rest.length),
    width: uint16(bytes, 7),
    height: uint16(bytes, 5),
    components,
  };
}

/** The marker segments of a stream, and what follows them from the first scan on; null when there is none. */
function readSegments(stream: Uint8Array): { segments: Segment[]; rest: Uint8Array | null } {
  if (stream[0] !== 0xff || stream[1] !== Marker.Start) throw new Error("no JPEG stream");
  const segments: Segment[] = [];
  let at = 2;
  while (at + 1 < stream.length) {
    if (stream[at] !== 0xff) throw new Error("a JPEG stream with a damaged header");
    const marker = stream[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === Marker.End) break;
    if (marker === Marker.Scan) return { segments, rest: stream.subarray(at) };
    const end = at + 2 + uint16(stream, at + 2);
    if (end < at + 4 || end > stream.length) throw new Error("a JPEG stream that ends within its header");
    segments.push({ marker, bytes: stream.subarray(at, end) });
    at = end;
  }
  return { segments, rest: null };
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && !NOT_FRAMES.has(marker);
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function adobeSegment(colour: JpegColour): Uint8Array<ArrayBuffer> {
  const transform = colour === "ycc" ? 1 : 0;
  const adobe = [0x41, 0x64, 0x6f, 0x62, 0x65];
  return Uint8Array.of(0xff, Marker.Adobe, 0, 14, ...adobe, 0, 100, 0, 0, 0, 0, transform);
}
