import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { device, requireHalfPrecision } from "../../src/graph/index.js";
import { describeWithEachWebGpu, runWithWebGpu } from "../support/webgpu.js";

describe("float16 on the CPU", () => {
  it("is computed rightly", async () => {
    await expect(requireHalfPrecision(device("cpu", 1))).resolves.toBeUndefined();
  });
});

describeWithEachWebGpu("float16 on webgpu", (gpu) => {
  it("either works or is refused with what to do", async () => {
    const child = join(import.meta.dirname, "support", "webgpu-half-child.ts");
    const { output, errors, code } = await runWithWebGpu(gpu, child);
    expect(code, errors.slice(-2000)).toBe(0);
    const { refusal } = JSON.parse(output.trim()) as { refusal: string };
    if (refusal === "") return;
    expect(refusal).toMatch(/^device webgpu: does not compute in float16/);
    expect(refusal).toContain("Set precision: float32");
  }, 300_000);
});
