/** What a JPEG stream tells about itself before its first scan (ITU T.81, annex B). */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  readonly bitsPerSample: number;
  /** True when some component has fewer samples than another, which RGB never has. */
  readonly isSubsampled: boolean;
  readonly hasJfif: boolean;
  /** Colour transform of an Adobe marker (0 none, 1 YCbCr); null without the marker. */
  readonly adobeTransform: number | null;
}

const START_OF_IMAGE = 0xffd8;
const START_OF_SCAN = 0xda;
const APP0 = 0xe0;
const APP14 = 0xee;
/** SOF0–SOF15 without the tables DHT, JPG and DAC between them. */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/**
 * Reads the markers of a JPEG stream up to its first scan.
 * @throws Error with the reason, for the caller to wrap with the place in the file
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4 || view.getUint16(0) !== START_OF_IMAGE) throw new Error("it is no JPEG stream");
  let frame: Omit<JpegHeader, "hasJfif" | "adobeTransform"> | null = null;
  let hasJfif = false;
  let adobeTransform: number | null = null;
  let position = 2;
  while (position + 4 <= view.byteLength) {
    if (view.getUint8(position) !== 0xff) throw new Error("a JPEG marker is missing");
    const marker = view.getUint8(position + 1);
    if (marker === 0xff) {
      position += 1;
      continue;
    }
    if (marker === START_OF_SCAN) break;
    const length = view.getUint16(position + 2);
    if (length < 2 || position + 2 + length > view.byteLength) throw new Error("a JPEG segment is cut short");
    const segment = bytes.subarray(position + 4, position + 2 + length);
    if (marker === APP0) hasJfif ||= startsWith(segment, "JFIF");
    if (marker === APP14 && startsWith(segment, "Adobe")) adobeTransform = segment[11] ?? null;
    if (isStartOfFrame(marker)) frame = readFrame(segment);
    position += 2 + length;
  }
  if (frame === null) throw new Error("the JPEG stream does not tell its size");
  return { ...frame, hasJfif, adobeTransform };
}

function readFrame(segment: Uint8Array): Omit<JpegHeader, "hasJfif" | "adobeTransform"> {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const components = view.byteLength < 6 ? 0 : view.getUint8(5);
  if (components === 0 || view.byteLength < 6 + 3 * components) {
    throw new Error("the JPEG frame header is cut short");
  }
  const factors = Array.from({ length: components }, (_, index) => view.getUint8(7 + 3 * index));
  return {
    bitsPerSample: view.getUint8(0),
    height: view.getUint16(1),
    width: view.getUint16(3),
    components,
    isSubsampled: factors.some((factor) => factor !== factors[0]),
  };
}

function startsWith(segment: Uint8Array, word: string): boolean {
  return [...word].every((letter, index) => segment[index] === letter.charCodeAt(0));
}

/** An Adobe marker that says how the colours are stored: libjpeg obeys it before it guesses. */
const ADOBE_MARKER = (transform: 0 | 1): readonly number[] => [
  ...[0xff, APP14, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, transform],
];

/** The stream with a marker after its first two bytes that states its colours; it must have none yet. */
export function withColourMarker(bytes: Uint8Array, colours: "RGB" | "YCbCr"): Uint8Array {
  const marker = ADOBE_MARKER(colours === "RGB" ? 0 : 1);
  const marked = new Uint8Array(bytes.length + marker.length);
  marked.set(bytes.subarray(0, 2));
  marked.set(marker, 2);
  marked.set(bytes.subarray(2), 2 + marker.length);
  return marked;
}
