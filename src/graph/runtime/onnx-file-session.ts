import type { InferenceSession, Tensor } from "onnxruntime-common";
import { EpSamError, messageOf } from "../../common/index.js";
import type { HostTensor } from "../value.js";
import { type Device, sessionOptions } from "./device.js";
import { onnxRuntime } from "./onnxruntime.js";
import type { HostTensors } from "./session.js";
import { toHostTensor } from "./tensors.js";

/** How a file is run. */
export interface OnnxFileOptions {
  /** What the model is, for messages: "the image encoder". */
  readonly what: string;
  /** Sizes that the file leaves open and that are known here, by name. */
  readonly sizes?: Readonly<Record<string, number>> | undefined;
}

/** An ONNX file as others run it too, its shapes its own; graphs of this project are `GraphSession`s. */
export class OnnxFileSession {
  readonly #session: InferenceSession;
  readonly #device: Device;
  readonly #what: string;

  private constructor(session: InferenceSession, device: Device, what: string) {
    this.#session = session;
    this.#device = device;
    this.#what = what;
  }

  /**
   * @param file a path, or the file's bytes
   * @throws EpSamError `device` when the device cannot run it
   */
  static async open(
    file: string | Uint8Array,
    device: Device,
    { what, sizes = {} }: OnnxFileOptions,
  ): Promise<OnnxFileSession> {
    const { InferenceSession } = onnxRuntime();
    const options = { ...sessionOptions(device), freeDimensionOverrides: sizes };
    const session = await runsOn(device, what, () =>
      typeof file === "string"
        ? InferenceSession.create(file, options)
        : InferenceSession.create(file, options),
    );
    return new OnnxFileSession(session, device, what);
  }

  /**
   * Runs the model on tensors by the names of its inputs.
   * @param into tensors that receive results in place; the others are allocated
   * @throws EpSamError `device` when the run fails
   */
  async run(feeds: HostTensors, into: HostTensors = {}): Promise<Record<string, HostTensor>> {
    const [fed, fetched] = [feeds, into].map(runtimeTensors);
    const names = this.#session.outputNames.map((name) => [name, fetched?.[name] ?? null] as const);
    const results = await runsOn(this.#device, this.#what, () =>
      this.#session.run(fed ?? {}, Object.fromEntries(names)),
    );
    const hosted = Object.entries(results).map(([name, tensor]) => [
      name,
      into[name] ?? toHostTensor(tensor, name, { shape: tensor.dims, dataType: "float32" }),
    ]);
    return Object.fromEntries(hosted);
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function runtimeTensors(tensors: HostTensors): Record<string, Tensor> {
  const { Tensor } = onnxRuntime();
  const entries = Object.entries(tensors).map(([name, { dataType, data, shape }]) => [
    name,
    new Tensor(dataType, data, [...shape]),
  ]);
  return Object.fromEntries(entries);
}

/** Reports a failure of ONNX Runtime as one of the device. */
async function runsOn<Result>(device: Device, what: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw new EpSamError(
      "device",
      {
        what: `cannot run ${what}`,
        where: `device ${device.name}`,
        why: messageOf(cause),
        action: "Run `epsam doctor` to see which devices work here, or use `device: cpu`.",
      },
      { cause },
    );
  }
}
