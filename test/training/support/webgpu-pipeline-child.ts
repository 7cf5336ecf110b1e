/** The process that trains through all stages on webgpu: its argument is the folder to work in. */
import { join } from "node:path";
import { device } from "../../../src/graph/index.js";
import { quickEncoder, tinyConfig, trainTiny, writeDataset } from "../fixtures.js";

const [folder = ""] = process.argv.slice(2);
const config = tinyConfig({
  classifier: { inputSize: 32, epochs: 1, batchSize: 2, samplesPerEpoch: 2 },
  decoder: { epochs: 1, batchSize: 1, maximumPatches: 1 },
  sam: { maskPrompt: "none" },
});
await writeDataset(join(folder, "data"), { counts: { train: 2, val: 1, test: 1 } });
await trainTiny({
  data: join(folder, "data"),
  out: join(folder, "run"),
  config,
  encoder: quickEncoder,
  device: device("webgpu"),
});
process.exit();
