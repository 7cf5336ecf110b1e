import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import type { InferenceSession } from "onnxruntime-common";
import { EpSamError } from "../../common/index.js";
import type { EncodeOptions } from "../encode.js";
import type { LoweringTarget } from "../lowering.js";

/** Execution providers of ONNX Runtime that a graph can be run by. */
export const deviceNames = ["cpu", "webgpu", "cuda", "dml", "coreml"] as const;
export type DeviceName = (typeof deviceNames)[number];

/** Where and with how many threads graphs run. */
export interface Device {
  readonly name: DeviceName;
  /** Threads of one operation on the CPU. */
  readonly threads: number;
}

/** A device, or what chooses and tries one: called when everything that can be refused without it has been checked. */
export type DeviceSource = Device | (() => Promise<Device>);

/** The device of a source. */
export async function startDevice(source: DeviceSource): Promise<Device> {
  return typeof source === "function" ? source() : source;
}

/** Limits the threads of each operation, for machines that are shared. */
const THREADS_VARIABLE = "EPSAM_THREADS";

/**
 * The device with the given name, with every core that this process may use, or as many threads as `EPSAM_THREADS`
 * says, unless told otherwise.
 * @throws EpSamError `usage` when `EPSAM_THREADS` is not a whole number from 1.
 */
export function device(name: DeviceName = "cpu", threads: number = defaultThreads()): Device {
  return { name, threads };
}

/**
 * Threads of each operation when nobody asks for a number.
 * @throws EpSamError `usage` when `EPSAM_THREADS` is not a whole number from 1.
 */
export function defaultThreads(variables: NodeJS.ProcessEnv = process.env): number {
  const chosen = variables[THREADS_VARIABLE];
  if (chosen === undefined || chosen === "") return availableParallelism();
  const threads = Number(chosen);
  if (Number.isInteger(threads) && threads >= 1) return threads;
  throw new EpSamError("usage", {
    what: `"${chosen}" is not a number of threads`,
    where: THREADS_VARIABLE,
    action: "Set it to a whole number from 1, or unset it to use every core.",
  });
}

/** What a user can ask for: a device by name, or the best one that is proven to work. */
export type DeviceRequest = DeviceName | "auto";

/**
 * Parses what a user calls a device; {@link chooseDevice} makes a device of it.
 * @throws EpSamError `usage` listing the names
 */
export function parseDeviceRequest(text: string): DeviceRequest {
  const name = deviceNames.find((candidate) => candidate === text);
  if (name !== undefined) return name;
  if (text === "auto") return text;
  throw new EpSamError("usage", {
    what: `"${text}" is not a device`,
    where: "`device`",
    action: `Choose auto or one of ${deviceNames.join(", ")}.`,
  });
}

/**
 * True where results can stay in the device's memory and be fed to further runs: of ONNX Runtime's providers for
 * Node.js, `webgpu` alone. The others copy every feed and result.
 */
export function hasOwnMemory({ name }: Device): boolean {
  return name === "webgpu";
}

/** Which node sequences suit the device. */
export function loweringTarget({ name }: Device): LoweringTarget {
  return name === "cpu" ? "cpu" : "gpu";
}

/**
 * The first merges a tensor's casts to float32 and so keeps a copy of twice the size from the forward to the backward
 * pass; the second ends the process on some graphs (1.30).
 */
const harmfulToFloat16 = "CommonSubexpressionElimination;NchwcTransformer";

/** What a session's options depend on beside the device. */
interface RuntimeOptions extends Pick<EncodeOptions, "precision" | "outside"> {
  readonly mapped?: boolean | undefined;
}

/** ONNX Runtime session options for the device. */
export function sessionOptions(
  target: Device,
  { precision, outside, mapped = false }: RuntimeOptions = {},
): InferenceSession.SessionOptions {
  return {
    executionProviders: [target.name],
    graphOptimizationLevel: "all",
    intraOpNumThreads: target.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    // The memory-pattern plan is allocated beside the arena at the second run and doubles peak memory.
    enableMemPattern: false,
    logSeverityLevel: 3,
    // Spinning threads gain nothing measurable on a quiet machine and triple the time of a step on a busy one.
    extra: {
      session: {
        intra_op: { allow_spinning: "0" },
        ...(outside !== undefined && { model_external_initializers_file_folder_path: dirname(outside.file) }),
        ...(mapped && { disable_prepacking: "1" }),
      },
      ...(precision === "float16" && { optimization: { disable_specified_optimizers: harmfulToFloat16 } }),
    },
  };
}
