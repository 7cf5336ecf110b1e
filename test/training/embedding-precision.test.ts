import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fromFloat16, RandomStream, toFloat16 } from "../../src/common/index.js";
import { device } from "../../src/graph/index.js";
import { type RgbImage, readRgbImage } from "../../src/imaging/index.js";
import {
  createSamFrame,
  type ImageEncoder,
  loadMinisamDecoder,
  MaskPredictor,
  openMinisamEncoder,
  patchPoints,
} from "../../src/models/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { generatePatch } from "../support/synthetic.js";

const POINTS = 20;

let encoder: ImageEncoder;
beforeAll(async () => {
  encoder = await openMinisamEncoder(device());
}, 120_000);
afterAll(() => encoder.close());

/** What becomes of a decoder's masks when the embedding is kept in float16. */
async function effectOfRounding(image: RgbImage) {
  const { width, height } = image;
  const frame = createSamFrame({ width, height });
  const weights = await loadMinisamDecoder();
  const predictor = await MaskPredictor.create({ weights, frame, points: POINTS, device: device() });
  const embedding = await encoder.encode(image, frame);
  const rounded = fromFloat16(toFloat16(embedding));
  const stream = new RandomStream(0, "embedding precision", width);
  const coordinates = Float32Array.from({ length: 2 * POINTS }, () => stream.uniform(0, width));
  const [exact, halved] = [embedding, rounded].map((each) =>
    predictor.predict(each, { points: patchPoints(coordinates) }),
  );
  const [a, b] = [(await exact)?.logits.data, (await halved)?.logits.data];
  await predictor.close();
  if (a === undefined || b === undefined) throw new Error("a prediction is missing");
  const differences = a.map((logit, index) => Math.abs(logit - (b[index] ?? Number.NaN)));
  const flipped = a.filter((logit, index) => logit > 0 !== (b[index] ?? Number.NaN) > 0).length;
  const changes = embedding.map((value, index) => Math.abs(value - (rounded[index] ?? Number.NaN)));
  return {
    largestOfEmbedding: largest(embedding),
    changeOfEmbedding: largest(changes),
    largestLogit: largest(a),
    changeOfLogits: largest(differences),
    flippedShare: flipped / a.length,
  };
}

const largest = (values: Float32Array): number =>
  values.reduce((worst, each) => Math.max(worst, Math.abs(each)), 0);

it("embeddings kept in float16 hardly change a generated patch's mask", async () => {
  const { image } = generatePatch(new RandomStream(0, "embedding precision"), { size: 128, kind: "tumour" });
  const effect = await effectOfRounding(image);
  expect(effect.changeOfEmbedding).toBeGreaterThan(0);
  expect(effect.changeOfEmbedding).toBeLessThanOrEqual(effect.largestOfEmbedding * 2 ** -11);
  expect(effect.changeOfLogits).toBeLessThan(0.02 * effect.largestLogit);
  expect(effect.flippedShare).toBeLessThan(0.001);
}, 120_000);

describeWithShared("embeddings of real patches kept in float16", ["data/camelyon/images"], () => {
  it("change no more than a few border pixels in a thousand", async () => {
    const folder = sharedPath("data", "camelyon", "images");
    const images = (await readdir(folder)).sort().slice(0, 2);
    expect(images).toHaveLength(2);
    for (const name of images) {
      const effect = await effectOfRounding(await readRgbImage(join(folder, name)));
      expect(effect.flippedShare, name).toBeLessThan(0.001);
      expect(effect.changeOfLogits, name).toBeLessThan(0.02 * effect.largestLogit);
    }
  }, 240_000);
});
