import { EpSamError } from "../../common/index.js";
import { type Device, type DeviceName, type DeviceRequest, device } from "./device.js";
import { deviceAdvice, type Installation, installationOf } from "./probe/installation.js";
import { probeDevice } from "./probe/probe-device.js";
import type { ProbeResult } from "./probe/protocol.js";

/** A device and why it was taken. */
export interface DeviceChoice {
  readonly device: Device;
  /** One line for the user. */
  readonly reason: string;
  /** The device computes in software: right, and slow. */
  readonly isSoftware: boolean;
}

/** What `auto` tries, in this order. `coreml` is not among them: it computes in half precision where it likes. */
const AUTOMATIC: readonly DeviceName[] = ["webgpu", "cuda", "dml"];

/** Slower than this, an adapter whose kind is unknown is taken for software. */
const SLOWEST_GIGAFLOPS = 20;

/** How devices are examined; tests put their own in. */
export interface Examination {
  installation(name: DeviceName): Installation;
  probe(name: DeviceName): Promise<ProbeResult>;
}

/** Devices do not change while the program runs, so each is tried once. */
const probed = new Map<DeviceName, Promise<ProbeResult>>();

const realExamination: Examination = {
  installation: installationOf,
  probe(name) {
    const result = probed.get(name) ?? probeDevice(name);
    probed.set(name, result);
    return result;
  },
};

/**
 * The device for a request. All but the CPU are tried first, in a process of their own; `auto` takes the first that
 * gives right results on real hardware, else the CPU.
 * @throws EpSamError `device` when a device asked for by name does not work, with what to do
 */
export async function chooseDevice(
  request: DeviceRequest,
  {
    threads,
    examination = realExamination,
  }: { readonly threads?: number | undefined; readonly examination?: Examination } = {},
): Promise<DeviceChoice> {
  if (request === "cpu") return { device: device("cpu", threads), reason: "cpu", isSoftware: false };
  if (request !== "auto") return chooseNamed(request, threads, examination);
  const reasons: string[] = [];
  for (const name of AUTOMATIC) {
    const installation = examination.installation(name);
    if (installation !== "bundled" && installation !== "installed") continue;
    const result = await examination.probe(name);
    if (result.works && !isSoftware(result)) {
      return { device: device(name, threads), reason: describeProbe(name, result), isSoftware: false };
    }
    reasons.push(result.works ? describeProbe(name, result) : `${name}: ${result.reason}`);
  }
  const reason = ["cpu", ...(reasons.length === 0 ? [] : [`no GPU: ${reasons.join("; ")}`])].join(", ");
  return { device: device("cpu", threads), reason, isSoftware: false };
}

async function chooseNamed(
  name: DeviceName,
  threads: number | undefined,
  examination: Examination,
): Promise<DeviceChoice> {
  const installation = examination.installation(name);
  if (installation === "not installed" || installation === "not for this platform") {
    throw unusable(name, installation);
  }
  const result = await examination.probe(name);
  if (!result.works) throw unusable(name, result.reason);
  return {
    device: device(name, threads),
    reason: describeProbe(name, result),
    isSoftware: isSoftware(result),
  };
}

function unusable(name: DeviceName, why: string): EpSamError {
  return new EpSamError("device", {
    what: "does not work here",
    where: `device ${name}`,
    why,
    action: `${deviceAdvice(name)} Everything also runs with \`device: cpu\`.`,
  });
}

/** True for an adapter that computes on the CPU, or is as slow. */
export function isSoftware(result: ProbeResult): boolean {
  if (!result.works) return false;
  if (result.adapter !== undefined) return result.adapter.kind === "software";
  return result.gigaflops < SLOWEST_GIGAFLOPS;
}

/** `webgpu (NVIDIA GeForce RTX 4090, discrete, 25.8 GB), 2100 GFLOP/s`. */
export function describeProbe(name: DeviceName, result: ProbeResult): string {
  if (!result.works) return `${name}: ${result.reason}`;
  const { adapter, gigaflops } = result;
  const memory = adapter === undefined ? "" : `, ${(adapter.memoryBytes / 1e9).toFixed(1)} GB`;
  const hardware = adapter === undefined ? "" : ` (${adapter.name}, ${adapter.kind}${memory})`;
  const speed = gigaflops < 10 ? gigaflops.toFixed(1) : gigaflops.toFixed(0);
  return `${name}${hardware}, ${speed} GFLOP/s${isSoftware(result) ? ", software" : ""}`;
}
