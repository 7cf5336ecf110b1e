import {
  type DeviceName,
  describeProbe,
  deviceAdvice,
  deviceNames,
  type Installation,
  installationOf,
  isSoftware,
  type ProbeResult,
  probeDevice,
} from "../../graph/index.js";
import type { Check } from "./check.js";

const ALSO_CPU = "Everything also runs with --device cpu.";

/** What is there for each device besides the CPU: absence is a remark, not a failure. */
export async function checkDevices(): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const name of deviceNames) {
    if (name === "cpu") continue;
    const installation = installationOf(name);
    const isThere = installation === "bundled" || installation === "installed";
    checks.push(isThere ? probedCheck(name, await probeDevice(name)) : absentCheck(name, installation));
  }
  return checks;
}

const titleOf = (name: DeviceName): string => `Device ${name}`;

/** A device whose part of ONNX Runtime is not there. */
export function absentCheck(name: DeviceName, installation: Installation): Check {
  return { name: titleOf(name), state: "none", found: installation, action: deviceAdvice(name) };
}

/** A device that was tried. */
export function probedCheck(name: DeviceName, result: ProbeResult): Check {
  const title = titleOf(name);
  if (!result.works) {
    const adapter = result.adapter === undefined ? "" : ` (${result.adapter.name})`;
    const found = `${result.reason}${adapter}`;
    return { name: title, state: "warn", found, action: `${deviceAdvice(name)} ${ALSO_CPU}` };
  }
  const found = `works: ${describeProbe(name, result)}; use it with --device ${name}`;
  if (!isSoftware(result)) return { name: title, state: "ok", found };
  const action = `This adapter computes in software: it is slow and for tests. ${deviceAdvice(name)}`;
  return { name: title, state: "warn", found, action };
}
