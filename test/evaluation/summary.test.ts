import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  bootstrap,
  type EvaluatedPatch,
  METRIC_NAMES,
  type PatchScore,
  pairedDifferences,
  summarise,
  summariseClassification,
} from "../../src/evaluation/index.js";

const options = { seed: 3, resamples: 400 };

/** Patches whose quality depends strongly on their group, as patches of one slide do. */
function madeUpPatches(groups: number, perGroup: number): EvaluatedPatch[] {
  return Array.from({ length: groups }, (_, group) => {
    const stream = new RandomStream(0, "patches", group);
    const quality = stream.uniform(0.2, 0.95);
    return Array.from({ length: perGroup }, (_unused, index): EvaluatedPatch => {
      const label = index % 3 === 0 ? 0 : 1;
      const area = label * 400;
      const tp = Math.round(area * Math.min(1, quality + stream.uniform(-0.05, 0.05)));
      const fp = stream.integer(60);
      return {
        id: `${group}-${index}`,
        group: `slide-${group}`,
        label,
        confusion: { tp, fp, fn: area - tp, tn: 1000 - area - fp },
      };
    });
  }).flat();
}

/** The area under the ROC curve of scores for labels. */
function auc(scores: readonly number[], labels: readonly (0 | 1)[]): number | null | undefined {
  const patches = scores.map((score, index) => ({ id: String(index), label: labels[index] ?? 0, score }));
  const area = summariseClassification(patches, { seed: 0, resamples: 1 }).metrics.auc;
  return area === null ? null : area?.value;
}

describe("summarise", () => {
  it("computes every metric of a known case", () => {
    const patches: EvaluatedPatch[] = [
      { id: "a", label: 1, confusion: { tp: 6, fp: 2, fn: 2, tn: 10 } },
      { id: "b", label: 1, confusion: { tp: 0, fp: 0, fn: 5, tn: 15 } },
      { id: "c", label: 0, confusion: { tp: 0, fp: 4, fn: 0, tn: 16 } },
      { id: "d", label: 0, confusion: { tp: 0, fp: 0, fn: 0, tn: 20 } },
    ];
    const summary = summarise(patches, options);
    expect(summary).toMatchObject({
      patches: 4,
      positives: 2,
      negatives: 2,
      groups: 4,
      resampledBy: "patch",
    });
    const s = 0.001;
    const dice = [(12 + s) / (16 + s), s / (5 + s), s / (4 + s), 1];
    const iou = [(6 + s) / (10 + s), s / (5 + s), s / (4 + s), 1];
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const expected = {
      dice: mean(dice),
      iou: mean(iou),
      positiveDice: mean(dice.slice(0, 2)),
      positiveIou: mean(iou.slice(0, 2)),
      pooledDice: 12 / 25,
      pooledIou: 6 / 19,
      meanIou: (6 / 19 + 61 / 74) / 2,
      precision: 6 / 12,
      recall: 6 / 13,
      pixelAccuracy: 67 / 80,
      falsePositiveArea: 4 / 40,
    };
    for (const name of METRIC_NAMES)
      expect(summary.metrics[name]?.value, name).toBeCloseTo(expected[name], 12);
  });

  it("gives intervals that contain the value, and the same ones for the same seed", () => {
    const patches = madeUpPatches(12, 10);
    const summary = summarise(patches, options);
    for (const name of METRIC_NAMES) {
      const { value, low, high } = summary.metrics[name] ?? { value: Number.NaN, low: 0, high: 0 };
      expect(low, name).toBeLessThan(value);
      expect(high, name).toBeGreaterThan(value);
    }
    expect(summarise(patches, options)).toEqual(summary);
    expect(summarise(patches, { ...options, seed: 4 })).not.toEqual(summary);
  });

  it("draws whole groups when there are any: wider than drawing patches that depend on each other", () => {
    const grouped = madeUpPatches(12, 30);
    const single = grouped.map(({ group: _, ...patch }) => patch);
    const width = (patches: readonly EvaluatedPatch[]) => {
      const estimate = summarise(patches, options).metrics.positiveDice;
      return estimate === null ? Number.NaN : estimate.high - estimate.low;
    };
    expect(summarise(grouped, options)).toMatchObject({ resampledBy: "group", groups: 12 });
    expect(summarise(single, options).resampledBy).toBe("patch");
    expect(width(grouped)).toBeGreaterThan(2 * width(single));
  });

  it("draws patches when all are of one group", () => {
    const summary = summarise(madeUpPatches(1, 30), options);
    expect(summary).toMatchObject({ resampledBy: "patch", groups: 1 });
    const { low = 0, high = 0 } = summary.metrics.dice ?? {};
    expect(high).toBeGreaterThan(low);
  });

  it("has no precision without predictions, no false-positive area without negatives", () => {
    const patches = [{ id: "a", label: 1, confusion: { tp: 0, fp: 0, fn: 5, tn: 15 } }] as const;
    const { metrics } = summarise(patches, options);
    expect(metrics.precision).toBeNull();
    expect(metrics.falsePositiveArea).toBeNull();
    expect(metrics.recall).toEqual({ value: 0, low: 0, high: 0 });
  });

  it("has no metrics at all without patches", () => {
    const { metrics, patches } = summarise([], options);
    expect(patches).toBe(0);
    expect(Object.values(metrics)).toEqual(METRIC_NAMES.map(() => null));
  });

  it.each([0, -1, 2.5])("refuses %d resamples", (resamples) => {
    expect(() => summarise(madeUpPatches(2, 2), { seed: 0, resamples })).toThrow(/resamples cannot be/);
  });
});

describe("bootstrap", () => {
  it("covers the mean of a normal sample about 95 times in 100", () => {
    const size = 50;
    const covered = Array.from({ length: 100 }, (_, trial) => {
      const stream = new RandomStream(trial, "coverage");
      const sample = Array.from({ length: size }, () => stream.normal());
      const mean = (draws: Int32Array) => ({
        mean: sample.reduce((sum, value, index) => sum + value * (draws[index] ?? 0), 0) / size,
      });
      const { mean: estimate } = bootstrap(size, ["mean"], mean, { seed: trial, resamples: 300 });
      return estimate !== null && estimate.low <= 0 && estimate.high >= 0;
    }).filter(Boolean).length;
    expect(covered).toBeGreaterThanOrEqual(87);
    expect(covered).toBeLessThanOrEqual(100);
  });
});

describe("patch classification", () => {
  const scored = (label: 0 | 1, score: number, index: number): PatchScore => ({
    id: `${index}`,
    label,
    score,
  });

  it("computes a known case", () => {
    const patches = [
      scored(0, 0.1, 0),
      scored(0, 0.4, 1),
      scored(0, 0.8, 2),
      scored(1, 0.35, 3),
      scored(1, 0.5, 4),
      scored(1, 0.9, 5),
    ];
    const { metrics, positives } = summariseClassification(patches, options);
    expect(positives).toBe(3);
    expect(metrics.accuracy?.value).toBeCloseTo(4 / 6, 12);
    expect(metrics.sensitivity?.value).toBeCloseTo(2 / 3, 12);
    expect(metrics.specificity?.value).toBeCloseTo(2 / 3, 12);
    // Of nine pairs the positives win 1 + 2 + 3.
    expect(metrics.auc?.value).toBeCloseTo(6 / 9, 12);
    expect(summariseClassification(patches, { ...options, threshold: 0.3 }).metrics.sensitivity?.value).toBe(
      1,
    );
  });

  it("counts ties half, and is 1, 0 or one half where it must be", () => {
    expect(auc([0.2, 0.2, 0.7], [0, 1, 1])).toBeCloseTo(0.75, 12);
    expect(auc([0.1, 0.9], [0, 1])).toBe(1);
    expect(auc([0.9, 0.1], [0, 1])).toBe(0);
    expect(auc([0.5, 0.5, 0.5], [0, 1, 0])).toBe(0.5);
  });

  it("agrees with counting all pairs", () => {
    const stream = new RandomStream(0, "auc");
    const patches = Array.from({ length: 60 }, (_, index) =>
      scored(stream.chance(0.4) ? 1 : 0, Math.round(stream.uniform() * 20) / 20, index),
    );
    const of = (label: 0 | 1) => patches.filter((patch) => patch.label === label).map((patch) => patch.score);
    const pairs = of(1).flatMap((positive) =>
      of(0).map((negative) => (positive > negative ? 1 : positive === negative ? 0.5 : 0)),
    );
    const expected = pairs.reduce<number>((sum, win) => sum + win, 0) / pairs.length;
    const { metrics } = summariseClassification(patches, options);
    expect(metrics.auc?.value).toBeCloseTo(expected, 12);
    expect(metrics.auc?.low).toBeLessThan(expected);
    expect(metrics.auc?.high).toBeGreaterThan(expected);
  });

  it("has no AUC with one class only", () => {
    expect(auc([0.2, 0.4], [1, 1])).toBeNull();
    const { metrics } = summariseClassification([scored(1, 0.7, 0)], options);
    expect(metrics.specificity).toBeNull();
    expect(metrics.sensitivity?.value).toBe(1);
  });
});

describe("pairedDifferences", () => {
  /** The same patches, each a little better segmented. */
  const better = (patches: readonly EvaluatedPatch[]): EvaluatedPatch[] =>
    patches.map((patch) => {
      const { tp, fp, fn, tn } = patch.confusion;
      const gained = Math.ceil(fn / 10);
      return { ...patch, confusion: { tp: tp + gained, fp, fn: fn - gained, tn } };
    });

  it("is the difference of the two summaries", () => {
    const first = madeUpPatches(8, 6);
    const second = better(first);
    const [before, after] = [summarise(first, options).metrics, summarise(second, options).metrics];
    const differences = pairedDifferences(first, second, options);
    for (const name of METRIC_NAMES) {
      const expected = (after[name]?.value ?? Number.NaN) - (before[name]?.value ?? Number.NaN);
      expect(differences[name]?.value, name).toBeCloseTo(expected, 12);
    }
  });

  it("sees a small gain in every patient that the single intervals hide", () => {
    const first = madeUpPatches(8, 6);
    const second = better(first);
    const [before, after] = [summarise(first, options).metrics, summarise(second, options).metrics];
    expect(after.meanIou?.low).toBeLessThan(before.meanIou?.high ?? Number.NaN);
    expect(pairedDifferences(first, second, options).meanIou?.low).toBeGreaterThan(0);
  });

  it("pairs by id, whatever the order, and is zero for the same prediction", () => {
    const first = madeUpPatches(5, 4);
    const differences = pairedDifferences(first, first.toReversed(), options);
    expect(differences.meanIou).toEqual({ value: 0, low: 0, high: 0 });
  });

  it("refuses predictions for other patches", () => {
    const first = madeUpPatches(3, 4);
    expect(() => pairedDifferences(first, first.slice(1), options)).toThrow(
      /same patches.*0-0 was predicted once/,
    );
    expect(() => pairedDifferences(first.slice(1), first, options)).toThrow(/11 and 12 patches/);
  });
});
