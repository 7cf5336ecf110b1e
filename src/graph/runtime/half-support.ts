import { EpSamError, messageOf } from "../../common/index.js";
import { matmul } from "../operations/matmul.js";
import { floatTensor, input, parameter, type Value } from "../value.js";
import type { Device } from "./device.js";
import { floatsOf, GraphSession } from "./session.js";

const SIDE = 4;
/** A third in float16 is off by 8·10⁻⁵. */
const TOLERANCE = 1e-3;

/**
 * Tries whether a device computes in float16: only a run tells.
 * @throws EpSamError `device` when it does not, or not rightly
 */
export async function requireHalfPrecision(target: Device): Promise<void> {
  const product = matmul(input("x", [SIDE, SIDE]), parameter("weight", [SIDE, SIDE]));
  const given = await firstOf(product, target);
  if (!(Math.abs(given - SIDE / 3) < TOLERANCE)) {
    throw refusal(target, `it gives ${given} where ${SIDE / 3} is right`);
  }
}

async function firstOf(product: Value, target: Device): Promise<number> {
  const filled = (value: number) => floatTensor([SIDE, SIDE], new Float32Array(SIDE * SIDE).fill(value));
  try {
    const session = await GraphSession.create({ product }, target, { precision: "float16" });
    const results = await session.run({ x: filled(1), weight: filled(1 / 3) });
    await session.close();
    return floatsOf(results, "product")[0] ?? Number.NaN;
  } catch (cause) {
    throw refusal(target, messageOf(cause), cause);
  }
}

function refusal({ name }: Device, why: string, cause?: unknown): EpSamError {
  const fields = {
    what: "does not compute in float16",
    where: `device ${name}`,
    why,
    action: "Set precision: float32. On webgpu float16 needs a GPU with the feature shader-f16.",
  };
  return new EpSamError("device", fields, cause === undefined ? {} : { cause });
}
