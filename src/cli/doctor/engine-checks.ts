import { env, listSupportedBackends } from "onnxruntime-node";
import { add, device, floats, floatTensor, GraphSession, input, shortReason } from "../../graph/index.js";
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
