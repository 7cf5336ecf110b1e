import { describe, expect, it } from "vitest";
import type { Dataset, PatchRecord, Split } from "../../src/dataset/index.js";
import { requireDisjointPatients } from "../../src/training/patient-overlap.js";

function dataset(root: string, splits: Readonly<Record<string, Split>>): Dataset {
  const patches = Object.entries(splits).map(
    ([patient, split]): PatchRecord => ({
      id: `${root}-${patient}`,
      slide: patient,
      patient,
      x: 0,
      y: 0,
      level: 0,
      mpp: null,
      label: 1,
      tumourFraction: null,
      split,
      imagePath: `${root}/${patient}.png`,
      maskPath: null,
    }),
  );
  return { root, patches, patchSize: 64, hash: root };
}

describe("requireDisjointPatients", () => {
  const large = dataset("large", { anna: "train", bert: "val", carl: "test" });

  it("accepts two datasets that are split alike", () => {
    expect(() =>
      requireDisjointPatients(large, dataset("small", { anna: "train", carl: "test" })),
    ).not.toThrow();
  });

  it("refuses a classifier that learns from a test patient, naming him and both datasets", () => {
    const leaking = dataset("small", { anna: "train", carl: "train" });
    expect(() => requireDisjointPatients(large, leaking)).toThrow(
      /small: trains on 1 patients that large.*carl/,
    );
  });

  it("refuses a decoder that learns from a patient whom the classifier's data hold back", () => {
    expect(() => requireDisjointPatients(large, dataset("small", { anna: "test" }))).toThrow(
      /large: trains on/,
    );
  });
});
