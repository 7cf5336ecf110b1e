import type { Tensor } from "onnxruntime-common";
import { EpSamError } from "../../common/index.js";
import {
  type DataType,
  elementCount,
  formatShape,
  type HostTensor,
  type Shape,
  sameShape,
} from "../value.js";
import { onnxRuntime } from "./onnxruntime.js";

/** Shape and element type of a graph's input or output. */
export interface TensorType {
  readonly shape: Shape;
  readonly dataType: DataType;
}

/**
 * A tensor in the memory of a device that has its own. Sessions of that device read it without copying; nothing
 * frees it but {@link release}.
 */
export class DeviceTensor implements TensorType {
  readonly shape: Shape;
  readonly dataType: DataType;
  readonly #tensor: Tensor;
  #released = false;

  /** @param tensor a result of ONNX Runtime with the location "gpu-buffer" */
  constructor({ shape, dataType }: TensorType, tensor: Tensor) {
    this.shape = shape;
    this.dataType = dataType;
    this.#tensor = tensor;
  }

  /**
   * What ONNX Runtime is fed with, in a shape of as many elements.
   * @throws EpSamError `internal` after the release
   */
  inShape(shape: Shape): Tensor {
    if (this.#released) {
      throw new EpSamError("internal", { what: "was released before it was read", where: "device tensor" });
    }
    if (sameShape(shape, this.shape)) return this.#tensor;
    const { gpuBuffer } = this.#tensor;
    return onnxRuntime().Tensor.fromGpuBuffer(gpuBuffer, { dataType: this.dataType, dims: [...shape] });
  }

  /** Frees the memory; may be called again. */
  release(): void {
    if (!this.#released) this.#tensor.dispose();
    this.#released = true;
  }
}

/** What a graph can be fed with, by name. */
export type Feeds = Readonly<Record<string, HostTensor | DeviceTensor>>;

/**
 * A feed as ONNX Runtime takes it.
 * @throws EpSamError `shape` naming a missing feed or one of another type, shape or length
 */
export function toRuntimeTensor(
  feed: HostTensor | DeviceTensor | undefined,
  name: string,
  expected: TensorType,
): Tensor {
  if (feed === undefined) {
    throw new EpSamError("shape", { what: "is needed by the graph but was not fed", where: name });
  }
  const isHeldByDevice = feed instanceof DeviceTensor;
  const length = isHeldByDevice ? elementCount(feed.shape) : feed.data.length;
  const fits = isHeldByDevice
    ? length === elementCount(expected.shape)
    : sameShape(feed.shape, expected.shape) && length === elementCount(feed.shape);
  if (!fits || feed.dataType !== expected.dataType) {
    throw new EpSamError("shape", {
      what: `was fed ${feed.dataType}${formatShape(feed.shape)} with ${length} elements`,
      why: `the graph expects ${expected.dataType}${formatShape(expected.shape)}`,
      where: name,
    });
  }
  if (isHeldByDevice) return feed.inShape(expected.shape);
  return new (onnxRuntime().Tensor)(feed.dataType, feed.data, [...feed.shape]);
}

/** A result of ONNX Runtime in host memory. */
export function toHostTensor(tensor: Tensor | undefined, name: string, { shape }: TensorType): HostTensor {
  const data = tensor?.data;
  if (data instanceof Float32Array) return { dataType: "float32", shape, data };
  if (data instanceof BigInt64Array) return { dataType: "int64", shape, data };
  if (data instanceof Uint8Array) return { dataType: "bool", shape, data };
  throw new EpSamError("internal", { what: "came back with an unexpected element type", where: name });
}
