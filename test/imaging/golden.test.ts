import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import {
  closeMask,
  hsvSaturation,
  maskAbove,
  medianFilter,
  openMask,
  otsuThreshold,
  readRgbImage,
  resizeFloatMap,
  resizeRgb,
} from "../../src/imaging/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { digest } from "./made-up.js";

const image = z.object({ sha256: z.string(), row_10_first_8_px: z.array(z.array(z.number())) });
const mask = z.object({ sha256: z.string(), foreground: z.number() });
const goldenFile = z.object({
  pil_bilinear_1024x1024: image,
  pil_bilinear_300x200: image,
  pil_lanczos_300x200: image,
  hsv_saturation: z.object({ sha256: z.string() }),
  otsu: mask.extend({ threshold: z.number() }),
  close_7x7_x2: mask,
  median_15: mask,
  open_5x5: mask,
  open_21x21: mask,
  cv2_bilinear_float_32_to_512: z.object({ mean: z.number(), row_100_every_64: z.array(z.number()) }),
});

describeWithShared(
  "image operations of the original",
  ["golden/imageops.json", "golden/cam_input.png"],
  () => {
    const golden = goldenFile.parse(JSON.parse(readFileSync(sharedPath("golden", "imageops.json"), "utf8")));
    const input = readRgbImage(sharedPath("golden", "cam_input.png"));
    const saturation = input.then(hsvSaturation);
    const tissue = saturation.then((grey) => maskAbove(grey, otsuThreshold(grey)));
    const closed = tissue.then((binary) => closeMask(binary, 7, 2));
    const as255 = (data: Uint8Array) => data.map((value) => value * 255);
    const foreground = (data: Uint8Array) => data.reduce((sum, value) => sum + value, 0);

    it.each([
      ["pil_bilinear_1024x1024", 1024, 1024, "bilinear"],
      ["pil_bilinear_300x200", 300, 200, "bilinear"],
      ["pil_lanczos_300x200", 300, 200, "lanczos"],
    ] as const)("%s", async (name, width, height, filter) => {
      const resized = resizeRgb(await input, width, height, filter);
      const pixels = golden[name].row_10_first_8_px;
      const start = 10 * width * 3;
      expect([...resized.data.subarray(start, start + pixels.length * 3)]).toEqual(pixels.flat());
      expect(digest(resized.data)).toBe(golden[name].sha256);
    });

    it("HSV saturation and Otsu's threshold", async () => {
      expect(digest((await saturation).data)).toBe(golden.hsv_saturation.sha256);
      expect(otsuThreshold(await saturation)).toBe(golden.otsu.threshold);
      expect(digest(as255((await tissue).data))).toBe(golden.otsu.sha256);
    });

    it("closing and median", async () => {
      expect(digest(as255((await closed).data))).toBe(golden.close_7x7_x2.sha256);
      const median = medianFilter(await closed, 15);
      expect(foreground(median.data)).toBe(golden.median_15.foreground);
      expect(digest(as255(median.data))).toBe(golden.median_15.sha256);
    });

    it.each([
      ["open_5x5", 5],
      ["open_21x21", 21],
    ] as const)("%s", async (name, side) => {
      const opened = openMask(await tissue, side);
      expect(foreground(opened.data)).toBe(golden[name].foreground);
      expect(digest(opened.data)).toBe(golden[name].sha256);
    });

    it("bilinear resizing of real values", async () => {
      const { data, width } = await saturation;
      const corner = Float32Array.from(
        { length: 32 * 32 },
        (_, i) => (data[Math.floor(i / 32) * width + (i % 32)] ?? 0) / 255,
      );
      const { mean, row_100_every_64: row } = golden.cv2_bilinear_float_32_to_512;
      const resized = resizeFloatMap({ width: 32, height: 32, data: corner }, 512, 512);
      expect(resized.data.reduce((sum, value) => sum + value, 0) / 512 ** 2).toBeCloseTo(mean, 6);
      for (const [index, value] of row.entries()) {
        expect(resized.data[100 * 512 + index * 64]).toBeCloseTo(value, 6);
      }
    });
  },
);
