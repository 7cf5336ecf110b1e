import { EpSamError } from "../common/index.js";
import type { Dataset, PatchRecord } from "../dataset/index.js";

const listed = 5;

/**
 * Checks that no patient whom one dataset trains on is held back by the other: two datasets cut from the same
 * slides must be split alike, or figures on the held-back patients would be too good.
 * @throws EpSamError `dataset` naming patients on both sides.
 */
export function requireDisjointPatients(first: Dataset, second: Dataset): void {
  if (first.root === second.root) return;
  for (const [training, held] of [
    [first, second],
    [second, first],
  ] as const) {
    const trainedOn = patientsOf(training, (patch) => patch.split === "train");
    const both = [...patientsOf(held, (patch) => patch.split !== "train")].filter((patient) =>
      trainedOn.has(patient),
    );
    if (both.length === 0) continue;
    const names = both.slice(0, listed).join(", ") + (both.length > listed ? ", …" : "");
    throw new EpSamError("dataset", {
      what: `trains on ${both.length} patients that ${held.root} keeps for validation or test (${names})`,
      where: training.root,
      why: "the figures would be measured on patients that were learned from",
      action: "Prepare both datasets with the same images, `split` and `seed`, or with one `patients` table.",
    });
  }
}

function patientsOf(dataset: Dataset, wanted: (patch: PatchRecord) => boolean): Set<string> {
  return new Set(dataset.patches.filter(wanted).map(({ patient }) => patient));
}
