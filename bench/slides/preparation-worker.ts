import { prepareSlides } from "../../src/dataset/index.js";
import { peakBytes } from "../peak-memory.js";

// Prepares one slide, `slide annotations out patches`, and prints a line {startBytes, peakBytes, seconds, cpuSeconds,
// patches}: the memory before the work, and the most that this process held.

const [slide = "", annotations = "", out = "", patches = "50"] = process.argv.slice(2);
const startBytes = await peakBytes();
const start = performance.now();
const { counts } = await prepareSlides({
  inputs: [slide],
  annotations,
  out,
  split: [1, 0, 0],
  positiveRange: [0.01, 1],
  maxPositives: Number(patches),
  maxNegatives: Number(patches),
});
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage();
const answer = {
  startBytes,
  peakBytes: await peakBytes(),
  seconds,
  cpuSeconds: (user + system) / 1e6,
  patches: counts.train.positive + counts.train.negative,
};
process.stdout.write(`${JSON.stringify(answer)}\n`);
