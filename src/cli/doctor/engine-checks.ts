import { env, listSupportedBackends } from "onnxruntime-node";
import { isEpSamError, messageOf } from "../../common/index.js";
import {
  add,
  type DeviceName,
  device,
  deviceNames,
  floats,
  floatTensor,
  GraphSession,
  input,
} from "../../graph/index.js";
import type { Check } from "./check.js";

/** The engine's version and the execution providers that came with it. */
export function checkEngine(): Check {
  const backends = listSupportedBackends();
  const bundled = backends.filter((backend) => backend.bundled).map((backend) => backend.name);
  const others = backends.filter((backend) => !backend.bundled).map((backend) => backend.name);
  const rest = others.length === 0 ? "" : `; not in the package: ${others.join(", ")}`;
  return {
    name: "ONNX Runtime",
    state: "ok",
    found: `${env.versions.node}; providers ${bundled.join(", ")}${rest}`,
  };
}

/** Compiles and runs a two-element sum on the CPU: without this nothing works. */
export async function checkCpu(): Promise<Check> {
  const failure = await trySum("cpu");
  if (failure === undefined) return { name: "CPU provider", state: "ok", found: "ran a graph" };
  const action = "Reinstall with `npm ci`; the engine needs a 64-bit x86 or ARM processor.";
  return { name: "CPU provider", state: "fail", found: failure, action };
}

/** The same on every accelerator whose provider is in the package; absence is a warning, not a failure. */
export async function checkAccelerators(): Promise<readonly Check[]> {
  const bundled = listSupportedBackends().filter((backend) => backend.bundled);
  const names = deviceNames.filter(
    (name) => name !== "cpu" && bundled.some((backend) => backend.name === name),
  );
  const checks: Check[] = [];
  for (const name of names) checks.push(await checkAccelerator(name));
  return checks;
}

async function checkAccelerator(name: DeviceName): Promise<Check> {
  const failure = await trySum(name);
  const title = `GPU provider ${name}`;
  if (failure === undefined)
    return { name: title, state: "ok", found: `ran a graph; use it with --device ${name}` };
  return { name: title, state: "warn", found: failure, action: acceleratorAction(name) };
}

function acceleratorAction(name: DeviceName): string {
  const fallback = "Everything also runs with --device cpu.";
  if (name === "webgpu" && process.platform === "linux") {
    return `For a GPU, install the Vulkan loader (libvulkan1) and the driver of its maker. ${fallback}`;
  }
  return `For a GPU, install the driver of its maker. ${fallback}`;
}

/** Runs [1, 2] + [1, 1] on a device; the reason when that fails or is wrong. */
async function trySum(name: DeviceName): Promise<string | undefined> {
  try {
    const sum = add(input("x", [2]), floats([1, 1]));
    const session = await GraphSession.create({ sum }, device(name, 1));
    const results = await session.run({ x: floatTensor([2], Float32Array.of(1, 2)) });
    const values = [...(results.sum?.data ?? [])].map(Number);
    return values.join() === "2,3" ? undefined : `a graph gave [${values.join(", ")}] instead of [2, 3]`;
  } catch (thrown) {
    return shortReason(isEpSamError(thrown) ? (thrown.fields.why ?? thrown.message) : messageOf(thrown));
  }
}

/** The end of an engine message; what comes before are source files and function signatures. */
export function shortReason(message: string): string {
  const lines = message.split("\n").map((line) => line.trim());
  const line = lines.find((candidate) => candidate !== "") ?? "no reason given";
  return /(?:was false\. |\[ONNXRuntimeError\] : \d+ : )(.+)$/.exec(line)?.[1] ?? line;
}
