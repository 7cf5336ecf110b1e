import { createRequire } from "node:module";
import { dirname } from "node:path";
import { isMainThread } from "node:worker_threads";
import koffi from "koffi";
import type { Env, InferenceSessionFactory, TensorConstructor, TensorFactory } from "onnxruntime-common";
import { carriedFile, EpSamError, messageOf } from "../../common/index.js";

/** What is used of ONNX Runtime's package for Node.js. */
export interface OnnxRuntime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor & TensorFactory;
  readonly env: Env;
  /** Execution providers, and whether they came with the package. */
  readonly listSupportedBackends: () => readonly { readonly name: string; readonly bundled: boolean }[];
}

/**
 * Without it ONNX Runtime (1.29 and later, but for Windows) keeps a device id and events in the user's cache and sends
 * them to Microsoft. It is read when the first session of a process is made. Windows has it write to the system's own
 * tracing instead, which no variable stops.
 */
export const TELEMETRY_VARIABLE = "ORT_DISABLE_TELEMETRY";

let loaded: OnnxRuntime | undefined;

/**
 * ONNX Runtime with its telemetry off: the one place that loads it, when it is first asked for.
 * @throws EpSamError `device` when it cannot be loaded
 */
export function onnxRuntime(): OnnxRuntime {
  loaded ??= load();
  return loaded;
}

/**
 * The folder of ONNX Runtime's package.
 * @throws Error when it is not installed
 */
export function onnxRuntimeDirectory(): string {
  return dirname(carriedFile("onnxruntime-node/package.json"));
}

function load(): OnnxRuntime {
  try {
    switchTelemetryOff();
    return createRequire(import.meta.url)(onnxRuntimeDirectory());
  } catch (cause) {
    throw new EpSamError(
      "device",
      {
        what: "cannot be loaded",
        where: "ONNX Runtime",
        why: messageOf(cause),
        action: "Install this package again; it needs Linux with glibc, macOS on ARM, or Windows, 64 bits.",
      },
      { cause },
    );
  }
}

function switchTelemetryOff(): void {
  process.env[TELEMETRY_VARIABLE] = "1";
  if (isMainThread || process.platform === "win32") return;
  // A worker's `process.env` is a copy, while the variable is looked up in the process's own.
  const setenv = koffi.load(null).func("int setenv(const char* name, const char* value, int overwrite)");
  if (setenv(TELEMETRY_VARIABLE, "1", 1) !== 0) throw new Error(`${TELEMETRY_VARIABLE} could not be set`);
}
