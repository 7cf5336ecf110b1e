import { join } from "node:path";
import { expect, it } from "vitest";
import { sectionNames } from "../../scripts/parity/run-parity.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { describeWithWebGpu, runWithWebGpu } from "../support/webgpu.js";
import { goldenFiles } from "./corruption.js";

const LONG = 3_600_000;
const program = join(import.meta.dirname, "..", "..", "scripts", "parity", "main.ts");
const files = goldenFiles.map((name) => `golden/${name}`);

/** A GPU in software takes minutes for each of these: steps of training and activation maps at 512². */
const SLOW: readonly (readonly string[])[] = [
  ["classifier_train_drop_mask"],
  ["classifier_train_importance_map"],
  ["sam_decoder_training"],
  ["cam_camelyon16", "cam_camelyon17"],
];
const QUICK = sectionNames.filter((name) => !SLOW.flat().includes(name));

/** One process for the sections, so that they share compiled shaders. */
async function compare(sections: readonly string[]): Promise<void> {
  const parameters = [sharedPath("golden"), "--device", "webgpu", "--sections", sections.join(",")];
  const { output, errors, code } = await runWithWebGpu(program, parameters, { keepSessions: true });
  expect(output, errors.slice(-2000)).toMatch(/^on webgpu/);
  for (const section of sections) expect(output).toContain(`\n${section} `);
  expect(output).toMatch(/All \d+ comparisons passed\./);
  expect(code).toBe(0);
}

describeWithWebGpu("on webgpu", () => {
  describeWithShared("parity with the original", files, () => {
    it(`holds in ${QUICK.join(", ")}`, () => compare(QUICK), LONG);

    for (const sections of SLOW) {
      it.skipIf(process.env.EPSAM_SLOW_TESTS !== "1")(
        `holds in ${sections.join(", ")} (slow: EPSAM_SLOW_TESTS=1)`,
        () => compare(sections),
        LONG,
      );
    }
  });
});
