import type { Check } from "./check.js";
import { checkDevices } from "./device-checks.js";
import { checkCpu, checkEngine, checkTelemetry } from "./engine-checks.js";
import { checkOpenSlide, checkSharp, checkWeights } from "./library-checks.js";
import {
  checkCacheDirectory,
  checkMemory,
  checkNode,
  checkPackage,
  checkPlatform,
  checkProcessor,
  checkWorkingDirectory,
} from "./system-checks.js";

/** Every check, in the order in which they are shown. */
export async function runChecks(): Promise<readonly Check[]> {
  return [
    await checkPackage(),
    checkNode(),
    checkPlatform(),
    checkProcessor(),
    checkMemory(),
    checkEngine(),
    checkTelemetry(),
    await checkCpu(),
    ...(await checkDevices()),
    await checkSharp(),
    checkOpenSlide(),
    ...(await checkWeights()),
    await checkWorkingDirectory(),
    await checkCacheDirectory(),
  ];
}
