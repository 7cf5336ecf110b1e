import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { probeDevice } from "../../src/graph/index.js";
import { describeWith, type Requirement } from "./requirements.js";

/** SwiftShader, a GPU in software, as Debian's `chromium` brings it. */
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** A GPU, perhaps in software, that WebGPU computes on. */
export interface Gpu {
  readonly name: string;
  /** With these a process finds it. */
  readonly variables: NodeJS.ProcessEnv;
}

interface Absence {
  readonly absent: string;
}

/** What WebGPU says where there is no driver or it refuses the one there is; after any other failure tests run, and fail. */
const NO_ADAPTER = "Failed to get a WebGPU adapter";

/** What WebGPU computes on with these variables: drivers may be listed and yet be refused, so it is tried. */
async function gpuOf(variables: NodeJS.ProcessEnv): Promise<Gpu | Absence> {
  const { XDG_RUNTIME_DIR = tmpdir() } = variables;
  // Lavapipe compiles for vectors of this many bits: narrow ones take it a fifth less time, and these tests mostly compile.
  const environment = { ...variables, XDG_RUNTIME_DIR, LP_NATIVE_VECTOR_WIDTH: "128" };
  const result = await probeDevice("webgpu", { environment });
  if (!result.works && result.reason.includes(NO_ADAPTER)) return { absent: result.reason };
  return { name: result.adapter?.name ?? "a GPU without a name", variables: environment };
}

async function swiftShader(): Promise<Gpu | Absence> {
  if (process.env.VK_ICD_FILENAMES !== undefined || process.env.VK_DRIVER_FILES !== undefined) {
    return { absent: "another driver is chosen" };
  }
  if (!existsSync(SWIFTSHADER)) return { absent: "chromium is not installed" };
  return gpuOf({ ...process.env, VK_ICD_FILENAMES: SWIFTSHADER });
}

const isGpu = (found: Gpu | Absence): found is Gpu => "variables" in found;
const reasonOf = (found: Gpu | Absence) => (isGpu(found) ? found.name : found.absent);

/** The system's own is the driver that variables choose, else a real GPU, else Mesa's lavapipe where it is installed. */
const [software, system] = await Promise.all([swiftShader(), gpuOf(process.env)]);
const found = [software, system].filter(isGpu);
const none = `no WebGPU adapter: SwiftShader: ${reasonOf(software)}; the system's: ${reasonOf(system)}`;

/** SwiftShader takes minutes for what others take seconds for. */
const isSlow = ({ name }: Gpu) => name.includes("SwiftShader");
const fast =
  found.find((gpu) => !isSlow(gpu)) ?? (process.env.EPSAM_SLOW_TESTS === "1" ? found[0] : undefined);

/** `describe` on one GPU, SwiftShader if it is there: it compiles fastest. Skipped by a name that says what is missing. */
export function describeWithWebGpu(name: string, body: (gpu: Gpu) => void): void {
  describeWithEach("webgpu", name, found.slice(0, 1), none, body);
}

/** `describe` on one GPU, SwiftShader only if there is no other: for what computes more than it compiles. */
export function describeComputingWithWebGpu(name: string, body: (gpu: Gpu) => void): void {
  describeWithEach("webgpu", name, found.slice(-1), none, body);
}

/** `describe` on SwiftShader and on the system's GPU, as far as they are there. */
export function describeWithEachWebGpu(name: string, body: (gpu: Gpu) => void): void {
  describeWithEach("webgpu", name, found, none, body);
}

/** `describe` on the system's GPU: too slow for SwiftShader, which takes its place when `EPSAM_SLOW_TESTS` is 1. */
export function describeWithFastWebGpu(name: string, body: (gpu: Gpu) => void): void {
  const slow = `slow on SwiftShader: EPSAM_SLOW_TESTS=1, or Mesa's lavapipe; the system's: ${reasonOf(system)}`;
  describeWithEach("vulkan", name, fast === undefined ? [] : [fast], found.length === 0 ? none : slow, body);
}

function describeWithEach(
  requirement: Requirement,
  name: string,
  gpus: readonly Gpu[],
  absent: string,
  body: (gpu: Gpu) => void,
): void {
  for (const gpu of gpus) describeWith(requirement, undefined, `${name} (${gpu.name})`, () => body(gpu));
  if (gpus.length === 0) describeWith(requirement, absent, name, () => undefined);
}

/** What a child process wrote, and how it ended. */
export interface ChildOutput {
  readonly output: string;
  readonly errors: string;
  readonly code: number | null;
}

const keepingSessions = ["--import", join(import.meta.dirname, "keep-sessions.ts")];

/** How {@link runWithWebGpu} runs a file. */
export interface ChildOptions {
  /** Leaves sessions open, which saves compiling shaders again; the file then does not test closing them. */
  readonly keepSessions?: boolean;
}

/** Runs a TypeScript file in a process of its own that finds the GPU: providers may end the process. */
export async function runWithWebGpu(
  { variables }: Gpu,
  program: string,
  parameters: readonly string[] = [],
  { keepSessions = false }: ChildOptions = {},
): Promise<ChildOutput> {
  const imports = ["--import", import.meta.resolve("tsx"), ...(keepSessions ? keepingSessions : [])];
  const folder = await mkdtemp(join(tmpdir(), "epsam-webgpu-"));
  // A file takes all that the engine writes; of a pipe that is full for a moment it gives up for good.
  const errorFile = await open(join(folder, "errors"), "w+");
  try {
    const child: ChildProcess = spawn(process.execPath, [...imports, program, ...parameters], {
      env: variables,
      stdio: ["ignore", "pipe", errorFile.fd],
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    const output = child.stdout === null ? "" : await text(child.stdout);
    const code = await ended;
    return { output, errors: await readFile(join(folder, "errors"), "utf8"), code };
  } finally {
    await errorFile.close();
    await rm(folder, { recursive: true });
  }
}
