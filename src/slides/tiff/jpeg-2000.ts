import { createRequire } from "node:module";
import type { DecodedSegment } from "./decode-segment.js";

/** The part of the WebAssembly build of OpenJPEG that is used. */
interface OpenJpeg {
  readonly J2KDecoder: new () => Decoder;
}
interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getFrameInfo(): {
    readonly width: number;
    readonly height: number;
    readonly componentCount: number;
    readonly bitsPerSample: number;
  };
  getDecodedBuffer(): Uint8Array;
  delete(): void;
}
type OpenJpegFactory = (options: {
  print: (text: string) => void;
  printErr: (text: string) => void;
}) => Promise<OpenJpeg>;

/** Parts that a stream may be cut into. */
const MAX_TILES = 4096;
/** Chroma components: 8 bits, as many samples as luma, half as many in a row, or half in rows and columns. */
const CHROMA = new Set(["7 1 1", "7 2 1", "7 2 2"]);

let loading: Promise<OpenJpeg> | null = null;

/** Loads the decoder at its first use. */
function openJpeg(): Promise<OpenJpeg> {
  loading ??= (async () => {
    const require = createRequire(import.meta.url);
    const factory = require("@cornerstonejs/codec-openjpeg/decodewasmjs") as OpenJpegFactory;
    return factory({ print: () => undefined, printErr: () => undefined });
  })();
  return loading;
}

/**
 * Decodes a JPEG 2000 codestream (T.800) of three 8-bit components.
 * @param colour what the components are, as Aperio's compression number tells
 * @throws Error when it is damaged or not of the expected size
 */
export async function decodeJpeg2000(
  bytes: Uint8Array,
  expected: { readonly width: number; readonly height: number },
  colour: "ycc" | "rgb",
): Promise<DecodedSegment> {
  const { subsampled } = checkHeader(bytes, expected);
  const decoder = new (await openJpeg()).J2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, componentCount, bitsPerSample } = decoder.getFrameInfo();
    // A stream that fails to decode leaves a frame without pixels.
    const wrong = width !== expected.width || height !== expected.height;
    if (wrong || componentCount !== 3 || bitsPerSample !== 8) throw new Error("a damaged JPEG 2000 stream");
    const data = Uint8Array.from(decoder.getDecodedBuffer());
    if (data.length !== width * height * 3) throw new Error("a damaged JPEG 2000 stream");
    // The library converts streams with fewer chroma than luma samples itself, and no others.
    if (colour === "ycc" && !subsampled) rgbOfYcc(data);
    return { width, height, channels: 3, data, isRgb: true };
  } catch (cause) {
    // The decoder throws numbers.
    if (cause instanceof Error) throw cause;
    throw new Error("a damaged JPEG 2000 stream", { cause });
  } finally {
    decoder.delete();
  }
}

/** Refuses by the stream's header (T.800 A.5.1), before anything is allocated for its claims. */
function checkHeader(
  bytes: Uint8Array,
  expected: { readonly width: number; readonly height: number },
): { readonly subsampled: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 51 || view.getUint32(0) !== 0xff4fff51) throw new Error("no JPEG 2000 stream");
  const [right = 0, bottom = 0, left = 0, top = 0] = [8, 12, 16, 20].map((at) => view.getUint32(at));
  const [tileWidth = 0, tileHeight = 0] = [24, 28].map((at) => view.getUint32(at));
  const components = view.getUint16(40);
  if (left !== 0 || top !== 0 || right !== expected.width || bottom !== expected.height || components !== 3) {
    throw new Error(
      `a JPEG 2000 stream of ${right} × ${bottom} pixels and ${components} components in a tile of ` +
        `${expected.width} × ${expected.height}`,
    );
  }
  if (tileWidth === 0 || tileHeight === 0 || (right / tileWidth) * (bottom / tileHeight) > MAX_TILES) {
    throw new Error("a JPEG 2000 stream of absurdly many tiles");
  }
  // Bits and sampling steps of each component.
  const [first = "", second = "", third = ""] = [42, 45, 48].map((at) =>
    bytes.subarray(at, at + 3).join(" "),
  );
  const isRead = first === "7 1 1" && second === third && CHROMA.has(second);
  if (!isRead) throw new Error("a JPEG 2000 stream of components that are not read");
  return { subsampled: second !== first };
}

/** ITU-R BT.601 full range in whole numbers: green summed in 16-bit fixed point, as OpenSlide does. */
function rgbOfYcc(data: Uint8Array): void {
  for (let at = 0; at + 2 < data.length; at += 3) {
    const luma = data[at] ?? 0;
    const blue = (data[at + 1] ?? 0) - 128;
    const red = (data[at + 2] ?? 0) - 128;
    const green = Math.round(65536 * (0.5 - 0.34414 * blue)) + Math.round(65536 * -0.71414 * red);
    data[at] = clamp(luma + roundHalfAway(1.402 * red));
    data[at + 1] = clamp(luma + (green >> 16));
    data[at + 2] = clamp(luma + roundHalfAway(1.772 * blue));
  }
}

function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

function clamp(value: number): number {
  return Math.min(255, Math.max(0, value));
}
