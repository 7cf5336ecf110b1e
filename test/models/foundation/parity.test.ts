import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compareWithReference, readReferences } from "../../../scripts/parity/foundation-comparison.js";

// Made by scripts/parity/foundation_reference.py --tiny: random weights of timm and transformers, and their token maps.
const references = fileURLToPath(new URL("reference/", import.meta.url));
const { models } = await readReferences(references);

/** Heads of the small models, which their weights do not tell. */
const HEADS: Readonly<Record<string, number>> = { timm: 3 };

test.each(models)("$name equals PyTorch, on the learnt grid and another", async (model) => {
  const differences = await compareWithReference(references, model, HEADS[model.name] ?? 2);
  expect(differences).toHaveLength(2);
  for (const { relativeError } of differences) expect(relativeError).toBeLessThan(2e-5);
});
