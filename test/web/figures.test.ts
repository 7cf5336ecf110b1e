import { describe, expect, it } from "vitest";
import { METRIC_NAMES } from "../../src/evaluation/index.js";
import { figureWords, inOrder, summaryOf, verdictOf } from "../../src/web/runs/figures.js";

const figure = (name: string, value: number, low: number, high: number) => ({
  ...{ name, before: 0.5, after: 0.5 + value },
  difference: { value, low, high },
});

describe("figures of a comparison", () => {
  it("have words for each that is measured", () => {
    for (const name of METRIC_NAMES) {
      expect(figureWords(name).title).not.toBe(name);
      expect(figureWords(name).meaning).not.toBe("");
    }
    expect(figureWords("other").title).toBe("other");
    const names = [...METRIC_NAMES, "other"].map((name) => figure(name, 0, 0, 0));
    expect(inOrder(names).map(({ name }) => name)).toEqual(
      expect.arrayContaining(names.map(({ name }) => name)),
    );
    expect(inOrder(names).at(-1)?.name).toBe("other");
  });

  it("are better or worse only where the interval leaves 0 out, and a lower false positive area is better", () => {
    expect(verdictOf(figure("recall", 0.1, 0.01, 0.2))).toBe("better");
    expect(verdictOf(figure("recall", -0.1, -0.2, -0.01))).toBe("worse");
    expect(verdictOf(figure("recall", 0.1, 0, 0.2))).toBe("unclear");
    expect(verdictOf(figure("falsePositiveArea", -0.1, -0.2, -0.01))).toBe("better");
    expect(verdictOf(figure("falsePositiveArea", 0.1, 0.01, 0.2))).toBe("worse");
    expect(verdictOf({ name: "recall", before: null, after: null, difference: null })).toBe("unclear");
  });

  it("are summed up in a sentence", () => {
    expect(summaryOf([figure("recall", 0.1, -0.1, 0.2)])).toBe(
      "No figure is shown to have changed: every interval holds 0.",
    );
    const some = [
      figure("recall", 0.1, 0.01, 0.2),
      figure("precision", -0.1, -0.2, -0.01),
      figure("meanIou", 0, -1, 1),
    ];
    expect(summaryOf(some)).toBe(
      "Better: recall. Worse: precision. For the others nothing is shown: their interval holds 0.",
    );
    expect(summaryOf([figure("meanIou", 0.1, 0.01, 0.2)])).toBe("Better: mean IoU.");
  });
});
