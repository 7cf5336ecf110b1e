import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { RecentlyUsed } from "../../../common/portable.js";
import { promptArrays } from "../../../contract/index.js";
import { areaOfLogits, clickedRegion, squareLogits } from "../../../geometry/index.js";
import type { Engine, MaskRequest, MaskResult, WorkerAnswer, WorkerRequest } from "./messages.js";

/** ONNX Runtime Web, and the session of the decoder that was used last. */
interface Runtime {
  readonly engine: Exclude<Engine, "server" | "map">;
  readonly createTensor: (data: Float32Array, shape: readonly number[]) => Tensor;
  readonly createSession: (model: Uint8Array) => Promise<InferenceSession>;
}

/** More threads than this gain nothing on one mask. */
const MOST_THREADS = 4;
/** Embeddings and maps kept here, 4 MiB and 256 KiB each. */
const KEPT_FLOATS = 8;

let runtime: Promise<Runtime> | null = null;
let session: { readonly address: string; readonly opened: Promise<InferenceSession> } | null = null;
const kept = new RecentlyUsed<string, Float32Array>({ limit: KEPT_FLOATS });

addEventListener("message", ({ data }: MessageEvent<WorkerRequest>) => {
  void answerTo(data).then((answer) => {
    const moved = "logits" in answer && answer.logits !== null ? [answer.logits.buffer] : [];
    postMessage(answer, { transfer: moved });
  });
});

/** The server did not give what was asked for. */
class FetchFailed extends Error {
  override readonly name = "FetchFailed";
}

async function answerTo(request: WorkerRequest): Promise<WorkerAnswer> {
  const { id } = request;
  try {
    const ofMap = request.map === null ? null : await maskOfMap(request, request.map);
    if (ofMap !== null) return { id, ...ofMap, logits: null };
    runtime ??= openRuntime();
    const { engine, createTensor } = await runtime;
    const [model, embedding] = await Promise.all([
      decoderSession(request.decoder),
      keptFloats(request.embedding),
    ]);
    const started = performance.now();
    const { coordinates, labels } = promptArrays(request.prompt);
    const results = await model.run({
      image_embedding: createTensor(embedding, [1, 256, 64, 64]),
      point_coordinates: createTensor(coordinates, [1, labels.length, 2]),
      point_labels: createTensor(labels, [1, labels.length]),
    });
    const logits = await floatsOf(results.logits);
    const [estimatedIou = 0] = await floatsOf(results.estimated_iou);
    const { box, withLogits } = request;
    const area = areaOfLogits(squareLogits(logits), box);
    const milliseconds = performance.now() - started;
    return { id, area, estimatedIou, milliseconds, engine, logits: withLogits ? logits : null };
  } catch (thrown) {
    const failure = thrown instanceof Error ? thrown.message : String(thrown);
    return { id, failure, fromServer: thrown instanceof FetchFailed };
  }
}

/** What points choose from a run's map; null for what it cannot answer. */
async function maskOfMap(
  { prompt, patchSize, box }: MaskRequest,
  address: string,
): Promise<MaskResult | null> {
  const map = squareLogits(await keptFloats(address));
  const started = performance.now();
  const region = clickedRegion(map, prompt, patchSize);
  if (region === null) return null;
  const area = areaOfLogits(region.logits, box);
  const milliseconds = performance.now() - started;
  return { area, estimatedIou: region.certainty, milliseconds, engine: "map" };
}

/** WebGPU where an adapter answers, else WebAssembly: their builds of the runtime are two. */
async function openRuntime(): Promise<Runtime> {
  const hasGpu = "gpu" in navigator && (await adapterOf(navigator.gpu)) !== null;
  if (hasGpu) {
    const ort = await import("onnxruntime-web/webgpu");
    configure(ort.env);
    return runtimeOf("webgpu", ort);
  }
  const ort = await import("onnxruntime-web/wasm");
  configure(ort.env);
  return runtimeOf("wasm", ort);
}

/** What `navigator.gpu` is, as far as it is used here. */
function adapterOf(gpu: unknown): Promise<unknown> {
  if (typeof gpu !== "object" || gpu === null || !("requestAdapter" in gpu)) return Promise.resolve(null);
  const { requestAdapter } = gpu;
  return typeof requestAdapter === "function"
    ? Promise.resolve(requestAdapter.call(gpu))
    : Promise.resolve(null);
}

type OnnxRuntime = typeof import("onnxruntime-web/wasm");

function configure({ wasm }: OnnxRuntime["env"]): void {
  wasm.wasmPaths = new URL("onnxruntime/", location.href).href;
  wasm.numThreads = crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
}

function runtimeOf(
  engine: Runtime["engine"],
  ort: Pick<OnnxRuntime, "InferenceSession" | "Tensor">,
): Runtime {
  return {
    engine,
    createTensor: (data, shape) => new ort.Tensor("float32", data, [...shape]),
    createSession: (model) =>
      ort.InferenceSession.create(model, {
        executionProviders: [engine],
        logSeverityLevel: 3,
        // Threads that spin while they wait take the cores from those they wait for when the machine is busy.
        extra: { session: { intra_op: { allow_spinning: "0" } } },
      }),
  };
}

function decoderSession(address: string): Promise<InferenceSession> {
  if (session?.address === address) return session.opened;
  const opened = openSession(address, session?.opened);
  const next = { address, opened };
  session = next;
  // What failed is tried again at the next request.
  opened.catch(() => {
    if (session === next) session = null;
  });
  return opened;
}

async function openSession(
  address: string,
  before: Promise<InferenceSession> | undefined,
): Promise<InferenceSession> {
  const [model, opened] = await Promise.all([fetchBytes(address), runtime]);
  if (opened === null) throw new Error("the runtime was not opened");
  const next = await opened.createSession(new Uint8Array(model));
  await before?.then(
    (earlier) => earlier.release(),
    () => undefined,
  );
  return next;
}

function keptFloats(address: string): Promise<Float32Array> {
  return kept.load(address, async () => new Float32Array(await fetchBytes(address)));
}

async function fetchBytes(address: string): Promise<ArrayBuffer> {
  const response = await fetch(address).catch((thrown: unknown) => {
    throw new FetchFailed(`${address} cannot be reached`, { cause: thrown });
  });
  if (!response.ok) throw new FetchFailed(`${address} was answered with status ${response.status}`);
  return response.arrayBuffer();
}

async function floatsOf(tensor: Tensor | undefined): Promise<Float32Array> {
  const data = await tensor?.getData();
  if (data instanceof Float32Array) return data;
  throw new Error("the decoder gave no float32 result");
}
