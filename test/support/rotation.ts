import type { FloatMap, GreyImage, Mask, RgbImage } from "../../src/imaging/index.js";

export interface RotationOptions {
  /** `nearest` keeps a mask binary; `bilinear` is smoother for images and maps. */
  readonly sampling: "nearest" | "bilinear";
  /** What lies outside: the mirrored image (edge pixel repeated), or `fill` in every channel. */
  readonly border: "reflect" | "constant";
  /** Default 0. */
  readonly fill?: number | undefined;
}

type ByteRaster = RgbImage | GreyImage | Mask;

/** A raster whose samples are read by position, border included. */
interface Sampler {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Sample of one channel at integer pixel indices, which may lie outside. */
  readonly at: (x: number, y: number, channel: number) => number;
}

/** Rotates counterclockwise about the centre, keeping the size; the corners that turn outside are lost. */
export function rotate(image: FloatMap, degrees: number, options: RotationOptions): FloatMap;
export function rotate(image: ByteRaster, degrees: number, options: RotationOptions): ByteRaster;
export function rotate(
  image: ByteRaster | FloatMap,
  degrees: number,
  options: RotationOptions,
): ByteRaster | FloatMap {
  const { width, height } = image;
  const sampler = samplerOf(image, options);
  if (image.data instanceof Float32Array) {
    const data = new Float32Array(image.data.length);
    fillRotated(data, sampler, degrees, options.sampling);
    return { width, height, data };
  }
  const clamped = new Uint8ClampedArray(image.data.length);
  fillRotated(clamped, sampler, degrees, options.sampling);
  return { width, height, data: new Uint8Array(clamped.buffer) };
}

function samplerOf(image: ByteRaster | FloatMap, options: RotationOptions): Sampler {
  const { width, height, data } = image;
  const channels = data.length / (width * height);
  const fill = options.fill ?? 0;
  const read = (x: number, y: number, channel: number) => data[(y * width + x) * channels + channel] ?? 0;
  const at =
    options.border === "reflect"
      ? (x: number, y: number, channel: number) => read(reflect(x, width), reflect(y, height), channel)
      : (x: number, y: number, channel: number) =>
          x < 0 || y < 0 || x >= width || y >= height ? fill : read(x, y, channel);
  return { width, height, channels, at };
}

/** `… c b a | a b c … x y z | z y x …` */
function reflect(index: number, length: number): number {
  if (index >= 0 && index < length) return index;
  const period = 2 * length;
  const within = ((index % period) + period) % period;
  return within < length ? within : period - 1 - within;
}

/** Each target pixel's centre is turned back into the source and sampled there. */
function fillRotated(
  target: Uint8ClampedArray | Float32Array,
  source: Sampler,
  degrees: number,
  sampling: RotationOptions["sampling"],
): void {
  const { width, height, channels } = source;
  const { cosine, sine } = exactTurn(degrees);
  for (let y = 0, out = 0; y < height; y++) {
    const down = y + 0.5 - height / 2;
    for (let x = 0; x < width; x++) {
      const right = x + 0.5 - width / 2;
      const fromX = cosine * right - sine * down + width / 2;
      const fromY = sine * right + cosine * down + height / 2;
      for (let channel = 0; channel < channels; channel++) {
        target[out++] =
          sampling === "nearest"
            ? source.at(Math.floor(fromX), Math.floor(fromY), channel)
            : bilinear(source, fromX - 0.5, fromY - 0.5, channel);
      }
    }
  }
}

/** Cosine and sine, exact at right angles, where rounding would move whole rows. */
function exactTurn(degrees: number): { cosine: number; sine: number } {
  const angle = (degrees * Math.PI) / 180;
  const exact = (value: number) => Math.round(value * 1e15) / 1e15;
  return { cosine: exact(Math.cos(angle)), sine: exact(Math.sin(angle)) };
}

function bilinear(source: Sampler, x: number, y: number, channel: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const weightX = x - left;
  const weightY = y - top;
  const upper = source.at(left, top, channel) * (1 - weightX) + source.at(left + 1, top, channel) * weightX;
  const lower =
    source.at(left, top + 1, channel) * (1 - weightX) + source.at(left + 1, top + 1, channel) * weightX;
  return upper * (1 - weightY) + lower * weightY;
}
