import { basename } from "node:path";
import { EpSamError, must } from "../common/index.js";
import { ancestors } from "./ancestors.js";
import { type FusedSum, fusedSums, readCounts, readsLater } from "./fusion.js";
import { MixedPrecisionNames, type Precision } from "./half-precision.js";
import { LoweringContext, type LoweringTarget, onnxDataType } from "./lowering.js";
import { BLOCKED_CHANNELS, encodeModel, type OnnxNode, type OnnxValueInfo } from "./onnx/schema.js";
import { type FloatTensor, formatShape, type HostTensor, sameShape, type Value } from "./value.js";

const ONNX_OPERATOR_SET = 18;
const ONNX_IR_VERSION = 9;

/** A graph as ONNX bytes, with the signature of its inputs and outputs. */
export interface EncodedGraph {
  readonly bytes: Uint8Array;
  /** Inputs and unbound parameters that must be fed, by name. */
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
}

export interface EncodeOptions {
  readonly target?: LoweringTarget;
  /** In float16, see {@link MixedPrecisionNames}; float32 by default. */
  readonly precision?: Precision;
  /**
   * Lets the graph use ONNX Runtime's own operations on blocked channels, which not every processor has and no other
   * program knows; false by default.
   */
  readonly blockedChannels?: boolean | undefined;
  /** Parameters stored in the graph as constants, so that the runtime can prepack them; the rest are fed. */
  readonly bind?: ReadonlyMap<string, FloatTensor> | undefined;
  /** Further parameters, whose values the runtime reads from a file. */
  readonly outside?: OutsideParameters | undefined;
}

/** Parameters that lie in a file as float32 of little-endian bytes. */
export interface OutsideParameters {
  readonly file: string;
  /** Bytes before each of them in the file. */
  readonly offsets: ReadonlyMap<string, number>;
}

/**
 * Encodes everything that the outputs depend on as one ONNX model (operator set 18).
 * @throws EpSamError `shape` when a bound parameter has another shape, `internal` on duplicate names.
 */
export function encodeGraph(
  outputs: Readonly<Record<string, Value>>,
  options: EncodeOptions = {},
): EncodedGraph {
  const halves = options.precision === "float16";
  const values = ancestors(Object.values(outputs));
  const isReadLater = readsLater(values, Object.values(outputs));
  // Sequences for the CPU's own kernels have no use in float16: it has next to none for that.
  const target = halves ? "gpu" : (options.target ?? "cpu");
  const counts = readCounts(values, Object.values(outputs));
  const context = new LoweringContext(target, isReadLater, {
    blockedChannels: target === "cpu" && options.blockedChannels === true,
    isReadOnce: (value) => counts.get(value) === 1,
  });
  const names = halves ? new MixedPrecisionNames(context) : new PlainNames();
  const inputs = new Map<string, Value>();
  const sums =
    context.target === "cpu" ? fusedSums(values, Object.values(outputs)) : new Map<Value, FusedSum>();
  const takingOver = new Set([...sums.values()].map(({ term }) => term));
  for (const value of values) {
    if (takingOver.has(value)) continue;
    const sum = sums.get(value);
    const name =
      sum === undefined
        ? lowerValue(context, value, names, inputs, options)
        : lowerSum(context, value, sum, names);
    names.set(value, name);
  }
  const outputEntries = Object.entries(outputs);
  for (const [name] of outputEntries) {
    if (inputs.has(name)) {
      const what = "names both an input and an output of the graph";
      throw new EpSamError("internal", { what, where: name });
    }
  }
  nameOutputs(
    context.nodes,
    outputEntries.map(([name, value]) => [name, names.get(value)]),
  );
  const bytes = encodeModel({
    irVersion: ONNX_IR_VERSION,
    producerName: "ep-sam",
    opsetImport: [
      { domain: "", version: ONNX_OPERATOR_SET },
      { domain: "com.microsoft", version: 1 },
      ...(context.blockedChannels ? [{ domain: BLOCKED_CHANNELS, version: 1 }] : []),
    ],
    graph: {
      name: "graph",
      node: context.nodes,
      initializer: context.initializers,
      input: [...inputs].map(([name, value]) => valueInfo(name, value)),
      output: outputEntries.map(([name, value]) => valueInfo(name, value)),
    },
  });
  return { bytes, inputs, outputs: new Map(outputEntries) };
}

/** The names under which results are found while a graph is encoded. */
interface ResultNames {
  operandsOf(value: Value): string[];
  set(value: Value, name: string): void;
  get(value: Value): string;
}

/** Every result in the one element type that its value has. */
class PlainNames implements ResultNames {
  readonly #names = new Map<Value, string>();

  operandsOf({ source }: Value): string[] {
    return source.kind === "operation" ? source.inputs.map((operand) => this.get(operand)) : [];
  }

  set(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  get(value: Value): string {
    return must(this.#names, value, "result of an operand");
  }
}

function lowerSum(
  context: LoweringContext,
  sum: Value,
  { term, base }: FusedSum,
  names: ResultNames,
): string {
  const { source } = term;
  if (source.kind !== "operation" || source.operation.lowerSum === undefined) {
    throw new EpSamError("internal", { what: "cannot add to its result", where: "fused sum" });
  }
  const node = { attributes: source.attributes, inputs: source.inputs, output: term };
  const added = { name: names.get(base), isReadLater: context.isReadLater(base, sum) };
  return source.operation.lowerSum(context, names.operandsOf(term), added, node);
}

function lowerValue(
  context: LoweringContext,
  value: Value,
  names: ResultNames,
  inputs: Map<string, Value>,
  { bind, outside }: EncodeOptions,
): string {
  const { source } = value;
  if (source.kind === "constant") return context.constant(source.tensor);
  const operands = names.operandsOf(value);
  if (source.kind === "operation") {
    const { attributes, inputs: values } = source;
    return source.operation.lower(context, operands, { attributes, inputs: values, output: value });
  }
  const bound = source.kind === "parameter" ? bind?.get(source.name) : undefined;
  if (bound !== undefined) return context.constant(checkedShape(source.name, bound, value));
  const offset = source.kind === "parameter" ? outside?.offsets.get(source.name) : undefined;
  if (outside !== undefined && offset !== undefined) {
    return context.outside(value.shape, basename(outside.file), offset);
  }
  if (inputs.has(source.name)) {
    throw new EpSamError("internal", { what: "is the name of two graph inputs", where: source.name });
  }
  inputs.set(source.name, value);
  return source.name;
}

/**
 * Gives results the names of the outputs they are. What has no node of its own (an input, a constant) or is an
 * output already is copied: the copy costs a pass over memory that renaming saves.
 */
function nameOutputs(nodes: OnnxNode[], outputs: readonly (readonly [string, string])[]): void {
  const produced = new Set(nodes.flatMap((node) => node.output));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const [name, result] of outputs) {
    if (produced.has(result) && !renamed.has(result)) renamed.set(result, name);
    else {
      const input = [renamed.get(result) ?? result];
      copies.push({
        name: `output ${name}`,
        opType: "Identity",
        domain: "",
        input,
        output: [name],
        attribute: [],
      });
    }
  }
  for (const node of nodes) {
    node.input = node.input.map((result) => renamed.get(result) ?? result);
    node.output = node.output.map((result) => renamed.get(result) ?? result);
  }
  nodes.push(...copies);
}

function checkedShape(name: string, tensor: HostTensor, value: Value): HostTensor {
  if (!sameShape(tensor.shape, value.shape)) {
    throw new EpSamError("shape", {
      what: `has shape ${formatShape(tensor.shape)}, the model expects ${formatShape(value.shape)}`,
      where: name,
    });
  }
  return tensor;
}

function valueInfo(name: string, value: Value): OnnxValueInfo {
  return {
    name,
    type: {
      tensorType: {
        elemType: onnxDataType(value.dataType),
        shape: { dim: value.shape.map((size) => ({ dimValue: size })) },
      },
    },
  };
}
