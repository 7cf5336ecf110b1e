import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { isEpSamError } from "../../src/common/index.js";
import {
  addConfusions,
  confusion,
  dice,
  emptyConfusion,
  iou,
  overlapOf,
  patchOverlap,
} from "../../src/evaluation/index.js";
import type { Mask } from "../../src/imaging/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

function row(text: string): Mask {
  return { width: text.length, height: 1, data: Uint8Array.from(text, Number) };
}

describe("confusion", () => {
  it("counts a known case", () => {
    expect(confusion(row("1110000"), row("0110011"))).toEqual({ tp: 2, fp: 1, fn: 2, tn: 2 });
  });

  it("adds up", () => {
    const counts = confusion(row("1110000"), row("0110011"));
    expect(addConfusions(emptyConfusion, counts)).toEqual(counts);
    expect(addConfusions(counts, counts)).toEqual({ tp: 4, fp: 2, fn: 4, tn: 4 });
  });

  it("refuses masks of different size", () => {
    expect(() => confusion(row("10"), row("101"))).toThrow(
      expect.toSatisfy(
        (thrown) => isEpSamError(thrown, "input-mask") && thrown.message.includes("2x1 against 3x1"),
      ),
    );
  });
});

describe("Dice and IoU of a patch", () => {
  it("are 1 for equal masks, empty ones included", () => {
    expect(patchOverlap(confusion(row("0110"), row("0110")))).toEqual({ dice: 1, iou: 1 });
    expect(patchOverlap(confusion(row("0000"), row("0000")))).toEqual({ dice: 1, iou: 1 });
  });

  it("are nearly 0 for disjoint masks", () => {
    const { dice: d, iou: i } = patchOverlap(confusion(row("1100"), row("0011")));
    expect(d).toBeCloseTo(0.001 / 4.001, 12);
    expect(i).toBeCloseTo(0.001 / 4.001, 12);
  });

  it("follow from the counts as from the pixels", () => {
    const [prediction, target] = [row("1110000"), row("0110011")];
    expect(overlapOf(confusion(prediction, target))).toEqual({ intersection: 2, total: 7 });
    expect(dice(overlapOf(confusion(prediction, target)), 0)).toBeCloseTo(4 / 7, 12);
    expect(iou(overlapOf(confusion(prediction, target)), 0)).toBeCloseTo(2 / 5, 12);
  });
});

const goldenFile = z.object({
  tag: z.string(),
  metrics: z.object({ dice: z.number(), iou: z.number() }),
});

describeWithShared("metrics of the original", ["golden/golden.json"], () => {
  const { tag, metrics } = goldenFile.parse(
    JSON.parse(readFileSync(sharedPath("golden", "golden.json"), "utf8")),
  );
  const side = 40;
  const above = (name: string, threshold: number) =>
    deterministicUniform(`${tag}/${name}`, 3 * side * side, 0, 1).map((value) => (value > threshold ? 1 : 0));
  const predictions = above("ma", 0.5);
  const targets = above("mb", 0.4);
  const overlaps = [0, 1, 2].map((index) => {
    const part = (values: Float32Array): Mask => ({
      width: side,
      height: side,
      // The third pair is empty.
      data: Uint8Array.from({ length: side * side }, (_, pixel) =>
        index === 2 ? 0 : (values[index * side * side + pixel] ?? 0),
      ),
    });
    return overlapOf(confusion(part(predictions), part(targets)));
  });
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  it.each([
    ["dice", metrics.dice, dice],
    ["iou", metrics.iou, iou],
  ] as const)("%s", (_, expected, metric) => {
    expect(mean(overlaps.map((overlap) => metric(overlap)))).toBeCloseTo(expected, 6);
  });
});
