/**
 * For processes on a GPU in software, with `--import`: sessions stay open until the process ends. WebGPU shares a
 * compiled shader between sessions that are open at the same time, and compiling takes such a GPU a second for each.
 */
import ort from "onnxruntime-node";

const { create } = ort.InferenceSession;
type Create = (bytes: Uint8Array, options?: ort.InferenceSession.SessionOptions) => ReturnType<typeof create>;

const createToStay: Create = async (bytes, options) =>
  Object.assign(await create.call(ort.InferenceSession, bytes, options), { release: async () => undefined });
Object.assign(ort.InferenceSession, { create: createToStay });
