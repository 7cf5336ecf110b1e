import { createRequire } from "node:module";
import type { RgbImage } from "../../src/imaging/index.js";

interface Encoder {
  getDecodedBuffer(frame: object): Uint8Array;
  getEncodedBuffer(): Uint8Array;
  setQuality(quality: number): void;
  setSubSampling(sampling: number): void;
  setProgressive(progressive: boolean): void;
  encode(): void;
  delete(): void;
}

interface Codec {
  readonly JPEGEncoder: new () => Encoder;
}

/** TurboJPEG's numbers. */
const SAMPLINGS = { "4:4:4": 0, "4:2:2": 1, "4:2:0": 2, "4:4:0": 4, "4:1:1": 5 } as const;

export interface JpegEncoding {
  readonly sampling: keyof typeof SAMPLINGS;
  readonly quality: number;
  readonly progressive?: boolean;
}

let codec: Promise<Codec> | null = null;

/**
 * A JFIF stream with any chrominance sampling, which sharp does not offer. Streams larger than their pixels, such as
 * those of tiny images, do not fit into the encoder's buffer.
 */
export async function encodeJpeg(image: RgbImage, encoding: JpegEncoding): Promise<Buffer> {
  const require = createRequire(import.meta.url);
  const factory = require("@cornerstonejs/codec-libjpeg-turbo-8bit/wasmjs") as (
    options: object,
  ) => Promise<Codec>;
  codec ??= factory({ print: () => undefined, printErr: () => undefined });
  const encoder = new (await codec).JPEGEncoder();
  const { width, height, data } = image;
  encoder.getDecodedBuffer({ width, height, bitsPerSample: 8, componentCount: 3, isSigned: false }).set(data);
  encoder.setQuality(encoding.quality);
  encoder.setSubSampling(SAMPLINGS[encoding.sampling]);
  encoder.setProgressive(encoding.progressive ?? false);
  encoder.encode();
  const bytes = Buffer.from(encoder.getEncodedBuffer());
  encoder.delete();
  return bytes;
}
