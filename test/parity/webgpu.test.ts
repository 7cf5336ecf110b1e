import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sharedPath } from "../support/shared.js";
import { describeWithWebGpu, runWithWebGpu } from "../support/webgpu.js";

const LONG = 3_600_000;
const program = join(import.meta.dirname, "..", "..", "scripts", "parity", "main.ts");
const golden = sharedPath("golden");

const QUICK = ["high_frequency", "metrics"];
/** A GPU in software takes minutes for each; a real one compares everything with `npm run parity -- DIR --device webgpu`. */
const SLOW = ["sam_points", "sam_points_box_mask_multimask", "classifier_eval"];

async function compare(sections: readonly string[]): Promise<void> {
  const options = ["--device", "webgpu", "--sections", sections.join(",")];
  const { output, errors, code } = await runWithWebGpu(program, [golden, ...options]);
  expect(output, errors.slice(-2000)).toMatch(/^on webgpu/);
  for (const section of sections) expect(output).toContain(section);
  expect(output).toMatch(/All \d+ comparisons passed\./);
  expect(code).toBe(0);
}

describeWithWebGpu("parity with the original on webgpu (with the shared golden values)", () => {
  it.skipIf(!existsSync(golden))(`holds in ${QUICK.join(", ")}`, () => compare(QUICK), LONG);

  it.skipIf(!existsSync(golden) || process.env.EPSAM_SLOW_TESTS !== "1")(
    `holds in ${SLOW.join(", ")} (slow: EPSAM_SLOW_TESTS=1)`,
    () => compare(SLOW),
    LONG,
  );
});
