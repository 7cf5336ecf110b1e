/** The process that asks for float16 on webgpu. Writes what came of it as a line of JSON. */
import { isEpSamError } from "../../../src/common/index.js";
import { device, requireHalfPrecision } from "../../../src/graph/index.js";

const refusal = await requireHalfPrecision(device("webgpu", 1)).then(
  () => "",
  (failure: unknown) => (isEpSamError(failure, "device") ? failure.message : `another error: ${failure}`),
);
process.stdout.write(`${JSON.stringify({ refusal })}\n`);
process.exit();
