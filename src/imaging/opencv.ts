import { createRequire } from "node:module";
import { EpSamError, messageOf } from "../common/index.js";

export type OpenCv = typeof import("@techstark/opencv-js");
export type Mat = InstanceType<OpenCv["Mat"]>;

/** The events on which Emscripten's start-up code listens, turning any rejection into an abort. */
const HIJACKED_EVENTS = ["uncaughtException", "unhandledRejection"] as const;

/** In a box: the module has a `then` of its own, so a promise of the bare module would never settle. */
let loading: Promise<{ readonly cv: OpenCv }> | undefined;

/** OpenCV, compiled to WebAssembly; loaded at the first call (0.2 s) and shared afterwards. */
function loadOpenCv(): Promise<{ readonly cv: OpenCv }> {
  loading ??= new Promise((resolve) => {
    const cv = requireWithoutListeners();
    const ready = () => resolve({ cv });
    if (typeof cv.Mat === "function") ready();
    else Object.assign(cv, { onRuntimeInitialized: ready });
  });
  return loading;
}

function requireWithoutListeners(): OpenCv {
  const before = HIJACKED_EVENTS.map((event) => new Set(process.listeners(event)));
  const cv: OpenCv = createRequire(import.meta.url)("@techstark/opencv-js");
  for (const [index, event] of HIJACKED_EVENTS.entries()) {
    for (const listener of process.listeners(event)) {
      if (before[index]?.has(listener) === false) process.removeListener(event, listener);
    }
  }
  return cv;
}

/**
 * Runs `body` with OpenCV and a function that registers matrices; they are freed when it returns or throws,
 * since WebAssembly memory is not garbage collected.
 * @throws EpSamError `internal` with OpenCV's message, which it throws as a bare number.
 */
export async function withOpenCv<T>(body: (cv: OpenCv, keep: (mat: Mat) => Mat) => T): Promise<T> {
  const { cv } = await loadOpenCv();
  const kept: Mat[] = [];
  try {
    return body(cv, (mat) => {
      kept.push(mat);
      return mat;
    });
  } catch (cause) {
    const why = typeof cause === "number" ? String(cv.exceptionFromPtr(cause).msg) : messageOf(cause);
    throw new EpSamError("internal", { what: "OpenCV failed", why }, { cause });
  } finally {
    for (const mat of kept) mat.delete();
  }
}
