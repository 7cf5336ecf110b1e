/**
 * The process in which a device is tried: it enumerates adapters and runs a convolution, and a crash of a driver or
 * an execution provider ends it instead of the program. It is asked with the device's name.
 */
import { z } from "zod";
import { answerParent, messageOf, must } from "../../../common/index.js";
import { conv2d, sum } from "../../operations/index.js";
import { floatTensor, input } from "../../value.js";
import { type Device, device, deviceNames } from "../device.js";
import { floatsOf, GraphSession } from "../session.js";
import { type Adapter, type ProbeResult, shortReason } from "./protocol.js";
import { vulkanAdapters } from "./vulkan.js";

const CHANNELS = 64;
const KERNEL = 3;
/** Side of the image that must come out right, and of the one that tells the speed of a device that is not slow. */
const [SMALL, LARGE] = [16, 256];
const SLOW_SECONDS = 0.02;
/** After a run that took so long, no other is waited for. */
const VERY_SLOW_SECONDS = 0.5;
/** The first run compiles programs. */
const RUNS = 3;
/** Largest difference from the CPU's results, relative to the largest of them. */
const TOLERANCE = 1e-3;

const weight = floatTensor(
  [CHANNELS, CHANNELS, KERNEL, KERNEL],
  Float32Array.from({ length: (CHANNELS * KERNEL) ** 2 }, (_, index) => Math.cos(index)),
);

interface Runs {
  /** Sums of the result's rows: they need every pixel and are few to fetch. */
  readonly sums: Float32Array;
  /** Of the fastest run. */
  readonly seconds: number;
}

/** Convolves an image of a size a few times. */
async function timedRuns(target: Device, size: number): Promise<Runs> {
  const image = floatTensor(
    [1, CHANNELS, size, size],
    Float32Array.from({ length: CHANNELS * size ** 2 }, (_, index) => Math.sin(index)),
  );
  const convolved = conv2d(input("image", image.shape), input("weight", weight.shape), { padding: 1 });
  const session = await GraphSession.create({ sums: sum(convolved, [3]) }, target);
  let sums = new Float32Array();
  let seconds = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    sums = new Float32Array(floatsOf(await session.run({ image, weight }), "sums"));
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
    if (seconds > VERY_SLOW_SECONDS) break;
  }
  return { sums, seconds };
}

/** Billions of floating-point operations a second. */
function speed(size: number, seconds: number): number {
  return (2 * (CHANNELS * KERNEL * size) ** 2) / seconds / 1e9;
}

async function probe(target: Device): Promise<ProbeResult> {
  const adapter = target.name === "webgpu" ? firstAdapter() : undefined;
  try {
    const { sums, seconds } = await timedRuns(target, SMALL);
    const expected = await timedRuns(device("cpu"), SMALL);
    const scale = Math.max(...expected.sums.map(Math.abs));
    const error =
      Math.max(...sums.map((value, index) => Math.abs(value - must(expected.sums, index)))) / scale;
    // Also when it is not a number.
    if (!(error <= TOLERANCE)) {
      return {
        works: false,
        reason: `a convolution is off by ${error.toExponential(0)} of its size`,
        adapter,
      };
    }
    if (seconds > SLOW_SECONDS) return { works: true, adapter, gigaflops: speed(SMALL, seconds) };
    return { works: true, adapter, gigaflops: speed(LARGE, (await timedRuns(target, LARGE)).seconds) };
  } catch (thrown) {
    return { works: false, reason: shortReason(thrown), adapter };
  }
}

/** The adapter that WebGPU most likely uses: it prefers speed, as the list does. */
function firstAdapter(): Adapter | undefined {
  try {
    return vulkanAdapters()[0];
  } catch (thrown) {
    // Other platforms have other interfaces, and without an adapter the graph tells why.
    process.stderr.write(`no list of adapters: ${messageOf(thrown)}\n`);
    return undefined;
  }
}

answerParent(z.enum(deviceNames), (name) => probe(device(name)));
