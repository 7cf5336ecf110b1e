import { expect, it } from "vitest";
import { labelsOf } from "../../src/server/workspace/labels.js";

it("names are told apart by as few folders as it takes, and only where there are several", () => {
  const labels = labelsOf([
    "/data/lab A/he/1.svs",
    "/data/lab B/he/1.svs",
    "/data/lab B/ihc/1.svs",
    "/data/lab B/2.svs",
    "/data/3.SVS",
    "/data/older/3.svs",
  ]);
  expect([...labels.values()]).toEqual([
    "1.svs (lab A › he)",
    "1.svs (lab B › he)",
    "1.svs (ihc)",
    "2.svs",
    "3.SVS (data)",
    "3.svs (older)",
  ]);
});
