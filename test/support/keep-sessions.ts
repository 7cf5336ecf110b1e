/**
 * For processes on a GPU in software, with `--import`: sessions stay open until the process ends. WebGPU shares a
 * compiled shader between sessions that are open at the same time, and compiling takes such a GPU a second for each.
 */
import { InferenceSession, type SessionOptions } from "./onnxruntime.js";

const { create } = InferenceSession;
type Create = (bytes: Uint8Array, options?: SessionOptions) => ReturnType<typeof create>;

const createToStay: Create = async (bytes, options) =>
  Object.assign(await create.call(InferenceSession, bytes, options), { release: async () => undefined });
Object.assign(InferenceSession, { create: createToStay });
