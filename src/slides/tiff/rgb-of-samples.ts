import type { RgbImage } from "../../imaging/index.js";
import type { DecodedSegment } from "./decode-segment.js";
import type { SampleLayout } from "./sample-layout.js";
import { Photometric } from "./tags.js";

/** The samples of separate planes, one after another, as interleaved pixels. */
export function interleave(planes: readonly DecodedSegment[]): DecodedSegment {
  const [first] = planes;
  if (first === undefined) throw new Error("no planes");
  const channels = planes.length;
  const data = new Uint8Array(first.width * first.height * channels);
  planes.forEach((plane, channel) => {
    for (let pixel = 0; pixel * channels < data.length; pixel++) {
      data[pixel * channels + channel] = plane.data[pixel] ?? 0;
    }
  });
  return { ...first, channels, data };
}

/** Decoded samples as RGB; opacity shows a white ground. */
export function rgbOfSamples(segment: DecodedSegment, layout: SampleLayout): RgbImage {
  const { width, height, channels, data, isRgb } = segment;
  if (channels === 3 && (isRgb || layout.photometric === Photometric.Rgb)) return { width, height, data };
  const pixels = width * height;
  const rgb = new Uint8Array(pixels * 3);
  const colours = channels >= 3 ? 3 : 1;
  const colour = isRgb ? (value: number): number => value : colourTable(layout);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const sample = data[pixel * channels + (colours === 3 ? channel : 0)] ?? 0;
      rgb[pixel * 3 + channel] = colour(sample, channel);
    }
  }
  if (channels > colours) overWhite(rgb, segment, isRgb ? "unassociated" : layout.alpha);
  return { width, height, data: rgb };
}

function colourTable({ photometric, palette }: SampleLayout): (sample: number, channel: number) => number {
  if (palette !== null) return (sample, channel) => palette[channel * 256 + sample] ?? 0;
  return photometric === Photometric.WhiteIsZero ? (sample) => 255 - sample : (sample) => sample;
}

function overWhite(rgb: Uint8Array, { channels, data }: DecodedSegment, alpha: SampleLayout["alpha"]): void {
  for (let at = 0; at < rgb.length; at++) {
    const opacity = data[Math.floor(at / 3) * channels + channels - 1] ?? 255;
    const colour = alpha === "associated" ? (rgb[at] ?? 0) : Math.round(((rgb[at] ?? 0) * opacity) / 255);
    rgb[at] = Math.min(255, colour + 255 - opacity);
  }
}
