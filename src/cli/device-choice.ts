import type { Reporter } from "../common/index.js";
import { chooseDevice, type Device, type DeviceRequest } from "../graph/index.js";

/**
 * Chooses the device that `--device` asks for when it is first called, tries it, and says which one it is: work calls it
 * when its arguments are checked.
 */
export function deviceFor(request: DeviceRequest, reporter: Reporter): () => Promise<Device> {
  let chosen: Promise<Device> | undefined;
  return () => {
    chosen ??= chosenDevice(request, reporter);
    return chosen;
  };
}

/** @throws EpSamError `device` when the one asked for does not work here */
async function chosenDevice(request: DeviceRequest, reporter: Reporter): Promise<Device> {
  const { device, reason, isSoftware } = await chooseDevice(request);
  reporter.note(`Computing on ${reason}`);
  if (isSoftware)
    reporter.warn("This adapter computes in software: it is for tests, and slower than --device cpu.");
  return device;
}
