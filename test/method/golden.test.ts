import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { filledClassifier } from "../../scripts/parity/sections/classifier-model.js";
import { device, floatTensor } from "../../src/graph/index.js";
import { type RgbImage, readMask, readRgbImage, resizeFloatMap } from "../../src/imaging/index.js";
import {
  type ActivationMap,
  ClassActivationMapper,
  initialMask,
  normaliseLevels,
} from "../../src/method/index.js";
import { paperResNetAdl, readSafetensors, stateDictOf } from "../../src/models/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

const camSchema = z.object({
  mask_pixels: z.number(),
  cam_mean: z.number(),
  cam_rows: z.record(z.string(), z.array(z.number())),
});
const schema = z.object({ cam_camelyon16: camSchema, cam_camelyon17: camSchema });
const names = ["golden.json", "cam.safetensors", "cam_input.png", "cam_mask_camelyon16.png"];

describeWithShared(
  "activation map and initial masks of the original",
  names.map((name) => `golden/${name}`),
  () => {
    const golden = schema.parse(JSON.parse(readFileSync(sharedPath("golden", "golden.json"), "utf8")));
    let mapper: ClassActivationMapper;
    let image: RgbImage;
    let activation: ActivationMap;
    beforeAll(async () => {
      const file = sharedPath("golden", "cam.safetensors");
      const head = stateDictOf((await readSafetensors(file)).tensors, { file }).get("fc.weight");
      const { weights } = filledClassifier([1, 3, 512, 512], "evaluation");
      image = await readRgbImage(sharedPath("golden", "cam_input.png"));
      mapper = await ClassActivationMapper.create(
        {
          model: paperResNetAdl,
          weights: new Map(weights).set(
            "fc.weight",
            floatTensor([1, 2048], head?.data ?? new Float32Array(0)),
          ),
          inputSize: image,
          device: device(),
        },
        { layer: "layer4-first" },
      );
      activation = await mapper.map(image);
    }, 120_000);
    afterAll(() => mapper.close());

    it("the map, within one level", () => {
      const { data } = resizeFloatMap(normaliseLevels(activation.levels), 512, 512);
      const levels = Math.max(...activation.levels.data) - Math.min(...activation.levels.data);
      expect(levels).toBeGreaterThan(50);
      for (const [row, values] of Object.entries(golden.cam_camelyon17.cam_rows)) {
        values.forEach((value, index) => {
          const ours = data[Number(row) * 512 + index * 8] ?? Number.NaN;
          expect(Math.abs(ours - value)).toBeLessThan(1.01 / levels);
        });
      }
      const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
      expect(Math.abs(mean - golden.cam_camelyon17.cam_mean)).toBeLessThan(1.01 / levels);
    });

    it.each(["camelyon16", "camelyon17"] as const)("the initial mask of %s", async (profile) => {
      const expected = await readMask(sharedPath("golden", `cam_mask_${profile}.png`));
      const mask = await initialMask(activation.levels, image, { profile });
      const different = mask.data.reduce((sum, value, i) => sum + (value === expected.data[i] ? 0 : 1), 0);
      // Where a level sits on the threshold pixels may differ; here none does.
      expect(different).toBeLessThan(0.005 * expected.data.length);
      const pixels = mask.data.reduce((sum, value) => sum + value, 0);
      expect(Math.abs(pixels / golden[`cam_${profile}`].mask_pixels - 1)).toBeLessThan(0.01);
    });
  },
);
