import {
  add,
  device,
  floats,
  floatTensor,
  GraphSession,
  input,
  onnxRuntime,
  shortReason,
  TELEMETRY_VARIABLE,
} from "../../graph/index.js";
import type { Check } from "./check.js";

/** The engine's version and the execution providers that came with it. */
export function checkEngine(): Check {
  const { env, listSupportedBackends } = onnxRuntime();
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

/** What ONNX Runtime would keep and send about its use is switched off wherever this package loads it. */
export function checkTelemetry(platform: NodeJS.Platform = process.platform): Check {
  onnxRuntime();
  const name = "ONNX Runtime telemetry";
  if (platform === "win32") {
    return {
      name,
      state: "none",
      found: "goes to Windows' own tracing, which Windows' privacy settings govern",
    };
  }
  if (process.env[TELEMETRY_VARIABLE] === "1") {
    return { name, state: "ok", found: "off: nothing is looked up, sent or kept" };
  }
  const found = `on: ${TELEMETRY_VARIABLE} is not 1`;
  return { name, state: "fail", found, action: `Start this program with ${TELEMETRY_VARIABLE}=1.` };
}

/** Compiles and runs a two-element sum on the CPU: without this nothing works. */
export async function checkCpu(): Promise<Check> {
  const failure = await trySum();
  if (failure === undefined) return { name: "CPU provider", state: "ok", found: "ran a graph" };
  const action = "Reinstall with `npm ci`; the engine needs a 64-bit x86 or ARM processor.";
  return { name: "CPU provider", state: "fail", found: failure, action };
}

/** Runs [1, 2] + [1, 1]; the reason when that fails or is wrong. */
async function trySum(): Promise<string | undefined> {
  try {
    const sum = add(input("x", [2]), floats([1, 1]));
    const session = await GraphSession.create({ sum }, device("cpu", 1));
    const results = await session.run({ x: floatTensor([2], Float32Array.of(1, 2)) });
    const values = [...(results.sum?.data ?? [])].map(Number);
    return values.join() === "2,3" ? undefined : `a graph gave [${values.join(", ")}] instead of [2, 3]`;
  } catch (thrown) {
    return shortReason(thrown);
  }
}
