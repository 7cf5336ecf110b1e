import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { writeFileAtomically } from "../src/common/index.js";
import { describeMachine, isBusy } from "./machine.js";
import { rectangleAnnotation } from "./slides/annotation.js";
import { generatedSlide } from "./slides/generated-slide.js";

// Does the memory of preparing a slide grow with the slide? Two generated slides without a pyramid, so that finding
// the tissue reads every tile of both, and the same number of patches cut from each, in a process for each.

const options = new Command("bench:preparation")
  .description("Peak memory of preparing a small and a large slide.")
  .option("--small <pixels>", "side of the small slide", wholeNumber(2048), 10_000)
  .option("--large <pixels>", "side of the large one", wholeNumber(2048), 40_000)
  .option("--patches <count>", "positive and as many negative patches of each", wholeNumber(1), 50)
  .option("--json", "print one JSON document")
  .parse()
  .opts();

interface Preparation {
  readonly side: number;
  readonly startBytes: number;
  readonly peakBytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly patches: number;
}

async function prepare(side: number): Promise<Preparation> {
  const folder = await mkdtemp(join(tmpdir(), "epsam-bench-preparation-"));
  try {
    const slide = join(folder, "slide.tif");
    await symlink(await generatedSlide(side, 256), slide);
    const annotations = join(folder, "annotations");
    await mkdir(annotations);
    await writeFileAtomically(join(annotations, "slide.xml"), rectangleAnnotation(side));
    const worker = fileURLToPath(new URL("slides/preparation-worker.ts", import.meta.url));
    const tsx = import.meta.resolve("tsx");
    const parameters = [slide, annotations, join(folder, "dataset"), String(options.patches)];
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, worker, ...parameters]);
    const answer: Omit<Preparation, "side"> = JSON.parse(stdout);
    return { side, ...answer };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

const machine = await describeMachine();
const small = await prepare(options.small);
const large = await prepare(options.large);
const ratio = large.peakBytes / small.peakBytes;
if (options.json === true) {
  console.log(JSON.stringify({ machine, small, large, ratio }, null, 2));
} else {
  const busy = isBusy(machine) ? `; busy, load ${machine.load.toFixed(1)}` : "";
  console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}${busy}`);
  for (const { side, startBytes, peakBytes, seconds, cpuSeconds, patches } of [small, large]) {
    const time = `${seconds.toFixed(0)} s, ${cpuSeconds.toFixed(0)} s of processor`;
    console.log(
      `${side}²: peak ${mebibytes(peakBytes)}, ${mebibytes(startBytes)} of it before the work; ${patches} patches; ${time}`,
    );
  }
  const area = (options.large / options.small) ** 2;
  console.log(`peak memory ${ratio.toFixed(2)} times for ${area.toFixed(0)} times the slide`);
}
