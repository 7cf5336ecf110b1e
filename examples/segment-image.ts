/**
 * Segments one image with a trained run, writes the mask and says how much of the image is tumour.
 *
 *     npx tsx examples/segment-image.ts RUN IMAGE MASK.png
 */
import { basename } from "node:path";
import { openSegmenter, readRgbImage, segmentImage, writeMaskPng } from "ep-sam";

const [run, file, out] = process.argv.slice(2);
if (run === undefined || file === undefined || out === undefined) {
  throw new Error("usage: segment-image.ts RUN IMAGE MASK.png");
}
const segmenter = await openSegmenter(run);
try {
  const image = await readRgbImage(file);
  const { mask, tumourPixels, patches } = await segmentImage(segmenter, image, { name: basename(file) });
  await writeMaskPng(out, mask);
  const share = (100 * tumourPixels) / (image.width * image.height);
  console.log(`${file}: ${share.toFixed(1)} % tumour in ${patches.length} patches; mask in ${out}`);
} finally {
  await segmenter.close();
}
