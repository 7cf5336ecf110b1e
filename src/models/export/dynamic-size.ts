import { EpSamError } from "../../common/index.js";
import {
  decodeModel,
  type EncodeOptions,
  encodeGraph,
  OnnxDataType,
  type OnnxModel,
  type OnnxTensor,
  type Value,
} from "../../graph/index.js";

/** Two sizes that coincide with no other size of a model and with nothing computed from each other. */
const PROBES = [1009, 1013] as const;

/**
 * Encodes a graph in which one size is left open. Graphs of this project have fixed shapes, so it is built at two
 * sizes: what differs between the two models depends on the size and is replaced by "whatever it is".
 * @param build makes the outputs for a size
 * @param name what the size is called in the model's inputs and outputs
 * @throws EpSamError `internal` when the size decides more than shapes that can be left open
 */
export function encodeWithOpenSize(
  build: (size: number) => Readonly<Record<string, Value>>,
  name: string,
  options: EncodeOptions,
): OnnxModel {
  const [model, other] = PROBES.map((size) => decodeModel(encodeGraph(build(size), options).bytes));
  if (model === undefined || other === undefined) throw unsupported(name, "nothing was encoded");
  if (!haveSameNodes(model, other)) throw unsupported(name, "the nodes depend on it");
  const open = new Set<string>();
  model.graph.initializer.forEach((tensor, index) => {
    const counterpart = other.graph.initializer[index];
    if (counterpart === undefined || isSame(tensor, counterpart)) return;
    leaveOpen(tensor, counterpart, name);
    open.add(tensor.name);
  });
  requireOnlyShapes(model, open, name);
  for (const end of ["input", "output"] as const) openDimensions(model, other, end, name);
  return model;
}

function haveSameNodes(a: OnnxModel, b: OnnxModel): boolean {
  const signature = ({ graph }: OnnxModel) =>
    JSON.stringify(
      graph.node.map(({ opType, input, output, attribute }) => [opType, input, output, attribute]),
    );
  return signature(a) === signature(b) && a.graph.initializer.length === b.graph.initializer.length;
}

function isSame(a: OnnxTensor, b: OnnxTensor): boolean {
  return (
    a.dataType === b.dataType &&
    a.dims.join() === b.dims.join() &&
    Buffer.compare(bytesOf(a), bytesOf(b)) === 0
  );
}

const bytesOf = ({ rawData = new Uint8Array() }: OnnxTensor): Uint8Array => rawData;

/** In a shape, -1 stands for the size that follows from the number of elements. */
function leaveOpen(tensor: OnnxTensor, other: OnnxTensor, name: string): void {
  if (tensor.dataType !== OnnxDataType.int64)
    throw unsupported(name, `the constant ${tensor.name} depends on it`);
  const [sizes, otherSizes] = [tensor, other].map(integersOf);
  const differs = sizes?.map((size, axis) => size !== otherSizes?.[axis]) ?? [];
  if (sizes?.length !== otherSizes?.length || differs.filter(Boolean).length !== 1) {
    throw unsupported(name, `two sizes of ${tensor.name} depend on it`);
  }
  const opened = BigInt64Array.from((sizes ?? []).map((size, axis) => (differs[axis] ? -1n : size)));
  tensor.rawData = new Uint8Array(opened.buffer);
}

function integersOf(tensor: OnnxTensor): bigint[] {
  return [...new BigInt64Array(Uint8Array.from(bytesOf(tensor)).buffer)];
}

/** Only a reshape understands -1. */
function requireOnlyShapes({ graph }: OnnxModel, open: ReadonlySet<string>, name: string): void {
  for (const node of graph.node) {
    node.input.forEach((input, position) => {
      if (!open.has(input) || (node.opType === "Reshape" && position === 1)) return;
      throw unsupported(name, `${node.opType} ${node.name} depends on it`);
    });
  }
}

function openDimensions(model: OnnxModel, other: OnnxModel, end: "input" | "output", name: string): void {
  model.graph[end].forEach((info, index) => {
    const otherDimensions = other.graph[end][index]?.type?.tensorType?.shape?.dim ?? [];
    info.type?.tensorType?.shape?.dim.forEach((dimension, axis) => {
      if (dimension.dimValue === otherDimensions[axis]?.dimValue) return;
      delete dimension.dimValue;
      dimension.dimParam = name;
    });
  });
}

function unsupported(name: string, why: string): EpSamError {
  return new EpSamError("internal", { what: `the size "${name}" cannot be left open`, why });
}
