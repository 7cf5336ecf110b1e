import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { closeMask, medianFilter, openMask, resizeGreyBilinear } from "../../src/imaging/index.js";
import { digest } from "./made-up.js";
import { grainyMask, maskSizes, medianSides, noiseGrey, resizes, squares } from "./opencv-cases.js";

const digests = z.record(z.string(), z.string());
/** SHA-256 of what OpenCV 4.12 gives; opencv-reference.mjs writes it. */
const reference = z
  .object({
    open: z.record(z.string(), digests),
    close: z.record(z.string(), digests),
    median: z.record(z.string(), digests),
    "resize grey": digests,
    "resize mask": digests,
  })
  .parse(JSON.parse(readFileSync(new URL("opencv-reference.json", import.meta.url), "utf8")));

describe.each(maskSizes)(
  "a mask of %d by %d pixels in grains of %d, as OpenCV's,",
  (width, height, grain) => {
    const name = `${width} ${height} ${grain}`;
    const mask = grainyMask(width, height, grain);
    it.each(squares)("opened and closed with a square of %d, %d times", (side, times) => {
      const opened = openMask(mask, side, times);
      const closed = closeMask(mask, side, times);
      expect(digest(opened.data)).toBe(reference.open[name]?.[`${side} x${times}`]);
      expect(digest(closed.data)).toBe(reference.close[name]?.[`${side} x${times}`]);
    });

    it.each(medianSides)("median of %d", (side) => {
      expect(digest(medianFilter(mask, side).data)).toBe(reference.median[name]?.[side]);
    });
  },
);

it.each(resizes)("resizes as OpenCV, from %dx%d to %dx%d", (fromWidth, fromHeight, width, height) => {
  const name = `${fromWidth}x${fromHeight} to ${width}x${height}`;
  const grey = resizeGreyBilinear(noiseGrey(fromWidth, fromHeight), width, height);
  expect(digest(grey.data)).toBe(reference["resize grey"][name]);
  const mask = resizeGreyBilinear(grainyMask(fromWidth, fromHeight, 5), width, height);
  expect(digest(mask.data)).toBe(reference["resize mask"][name]);
});
