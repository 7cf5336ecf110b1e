import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { device } from "../../src/graph/index.js";
import { embed, planEmbedding } from "../../src/training/index.js";
import {
  errorOf,
  hashesOf,
  makeFolder,
  quickEncoder,
  recordingReporter,
  removeFolders,
  tinyConfig,
  writeDataset,
} from "./fixtures.js";

let folder: string;
let data: string;

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"), { counts: { train: 3, val: 2, test: 1 } });
});

afterAll(() => removeFolders([folder]));

/** Both kinds of networks: a classifier that judges features, and SAM's decoder. */
function configIn(cache: string, decoder: object = {}) {
  return tinyConfig({
    classifier: {
      model: "dense",
      dense: { backbone: "efficientnet-lite0" },
      inputSize: null,
      epochs: 1,
      learningRate: 1e-2,
    },
    cam: { threshold: 0.01, percentile: null },
    decoder: { epochs: 1, variants: [1], maximumPatches: 2, ...decoder },
    cache: { directory: join(folder, cache), maximumGigabytes: 1 },
  });
}

// That a training finds them all is shown where one is trained: test/training/kept-files.test.ts and segmenter.test.ts.

it("embeddings that a training will read are computed once", async () => {
  const config = configIn("cache");
  const reporter = recordingReporter();
  const options = { data, config, reporter, encoder: quickEncoder };
  const plan = await planEmbedding(options);
  // Features of 6 + 4 patches; SAM's of 2 patches drawn, as they are and turned, 2 to validate by, and 2 to test on.
  expect(plan.embeddings).toBe(10 + 2 * 2 + 2 + 2);
  const means = { device: device("cpu", 1), reporter, encoder: quickEncoder };
  expect(await embed(plan, means)).toEqual({
    cache: join(folder, "cache"),
    embeddings: 18,
    computed: 18,
    skipped: [],
  });
  expect(Object.keys(await hashesOf(plan.cache))).toHaveLength(18);
  expect(await embed(plan, means)).toMatchObject({ computed: 0 });
});

/** A file whose end and beginning are right, as `openDataset()` sees. */
async function spoil(file: string): Promise<void> {
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0, 200, bytes.length - 100));
}

it("patches that cannot be read are left out by name, and a second call goes on", async () => {
  const torn = await writeDataset(join(folder, "torn"), { counts: { train: 2, val: 1, test: 1 } });
  await spoil(join(torn, "test", "image", "test-normal-0_0.png"));
  const config = configIn("other");
  const reporter = recordingReporter();
  const plan = await planEmbedding({ data: torn, config, reporter, encoder: quickEncoder });
  const means = { device: device("cpu", 1), reporter, encoder: quickEncoder };
  const result = await embed(plan, means);
  expect(result.skipped.map(({ file }) => file)).toEqual([
    join(torn, "test", "image", "test-normal-0_0.png"),
  ]);
  expect(result.computed).toBe(plan.embeddings - 1);
  expect(reporter.warnings.join("\n")).toMatch(/test-normal-0_0\.png: .*left out/);
  const [first = ""] = Object.keys(await hashesOf(plan.cache));
  await rm(join(plan.cache, first));
  expect((await embed(plan, means)).computed).toBe(1);
});

it("a cache that cannot hold them all is refused, with the value that could", async () => {
  const config = { ...configIn("small"), cache: { ...configIn("small").cache, maximumGigabytes: 0.001 } };
  const message = await errorOf(
    planEmbedding({ data, config, reporter: recordingReporter(), encoder: quickEncoder }),
  );
  expect(message).toMatch(
    /^\[configuration\] cache\.maximumGigabytes: is 0\.001, and .* MB of embeddings are wanted/,
  );
  expect(message).toContain("Set it to 1,");
});
