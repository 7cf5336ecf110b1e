/**
 * Writes opencv-reference.json: SHA-256 of what OpenCV 4.12 makes of masks and images of noise.
 * Run: npm install --no-save @techstark/opencv-js@4.12.0-release.1 && npx tsx test/imaging/opencv-reference.mjs
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { digest } from "./made-up.js";
import { grainyMask, maskSizes, medianSides, noiseGrey, resizes, squares } from "./opencv-cases.js";

const cv = createRequire(import.meta.url)("@techstark/opencv-js");
if (typeof cv.Mat !== "function") await new Promise((resolve) => (cv.onRuntimeInitialized = () => resolve()));

function matOf({ width, height, data }) {
  const mat = new cv.Mat(height, width, cv.CV_8UC1);
  mat.data.set(data);
  return mat;
}

function morphology(mask, operation, side, iterations) {
  const target = new cv.Mat();
  const element = cv.Mat.ones(side, side, cv.CV_8U);
  cv.morphologyEx(matOf(mask), target, operation, element, new cv.Point(-1, -1), iterations);
  return digest(target.data.slice());
}

function median(mask, side) {
  const target = new cv.Mat();
  cv.medianBlur(matOf(mask), target, side);
  return digest(target.data.slice());
}

function resized(image, width, height) {
  const target = new cv.Mat();
  cv.resize(matOf(image), target, new cv.Size(width, height), 0, 0, cv.INTER_LINEAR);
  return digest(target.data.slice());
}

const masks = maskSizes.map((size) => [size.join(" "), grainyMask(...size)]);
const forMasks = (entriesOf) =>
  Object.fromEntries(masks.map(([name, mask]) => [name, Object.fromEntries(entriesOf(mask))]));
const reference = {
  open: forMasks((mask) =>
    squares.map(([side, times]) => [`${side} x${times}`, morphology(mask, cv.MORPH_OPEN, side, times)]),
  ),
  close: forMasks((mask) =>
    squares.map(([side, times]) => [`${side} x${times}`, morphology(mask, cv.MORPH_CLOSE, side, times)]),
  ),
  median: forMasks((mask) => medianSides.map((side) => [String(side), median(mask, side)])),
  "resize grey": Object.fromEntries(
    resizes.map(([fw, fh, tw, th]) => [`${fw}x${fh} to ${tw}x${th}`, resized(noiseGrey(fw, fh), tw, th)]),
  ),
  "resize mask": Object.fromEntries(
    resizes.map(([fw, fh, tw, th]) => [`${fw}x${fh} to ${tw}x${th}`, resized(grainyMask(fw, fh, 5), tw, th)]),
  ),
};
writeFileSync(new URL("opencv-reference.json", import.meta.url), `${JSON.stringify(reference, null, 2)}\n`);
process.exit();
