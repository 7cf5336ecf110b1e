import type { Reporter } from "../common/index.js";
import { chooseDevice, type Device, type DeviceRequest } from "../graph/index.js";

/**
 * The device that `--device` asks for, tried first; says which one it is.
 * @throws EpSamError `device` when the one asked for does not work here
 */
export async function deviceFor(request: DeviceRequest, reporter: Reporter): Promise<Device> {
  const { device, reason, isSoftware } = await chooseDevice(request);
  reporter.note(`Computing on ${reason}`);
  if (isSoftware)
    reporter.warn("This adapter computes in software: it is for tests, and slower than --device cpu.");
  return device;
}
