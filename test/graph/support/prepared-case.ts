import { RandomStream } from "../../../src/common/index.js";
import {
  cast,
  elementCount,
  floats,
  gradients,
  type HostTensor,
  input,
  multiply,
  sum,
  type Value,
} from "../../../src/graph/index.js";
import type { OperandSpec, OperationCase } from "./operation-case.js";
import type { Tensor } from "./tensor.js";

/** A case with its operands filled and its graph, gradients included, built. */
export interface PreparedCase {
  readonly name: string;
  readonly operands: readonly HostTensor[];
  readonly references: readonly Tensor[];
  readonly weights: Float64Array;
  readonly expected: Tensor;
  readonly values: readonly Value[];
  readonly result: Value;
  readonly gradients: readonly (Value | undefined)[];
  readonly reference: OperationCase["reference"];
}

/** Cases as one graph with the results and gradients of all. */
export interface PreparedCases {
  readonly prepared: readonly PreparedCase[];
  readonly outputs: Readonly<Record<string, Value>>;
  readonly feeds: Readonly<Record<string, HostTensor>>;
}

/** Builds the graph of all cases; the same operands every time. */
export function prepareCases(title: string, cases: readonly OperationCase[]): PreparedCases {
  const prepared = cases.map((operationCase, index) => prepare(title, operationCase, index));
  const outputs: Record<string, Value> = {};
  const feeds: Record<string, HostTensor> = {};
  for (const { name, operands, values, result, gradients: derivatives } of prepared) {
    outputs[`${name}: result`] = cast(result, "float32");
    values.forEach((value, index) => {
      const operand = operands[index];
      if (value.source.kind === "input" && operand !== undefined) feeds[value.source.name] = operand;
      const derivative = derivatives[index];
      if (derivative !== undefined) outputs[`${name}: gradient ${index}`] = derivative;
    });
  }
  return { prepared, outputs, feeds };
}

function prepare(title: string, operationCase: OperationCase, index: number): PreparedCase {
  const name = `${title} ${index} ${operationCase.name}`;
  const operands = operationCase.operands.map((spec, position) => fill(spec, name, position));
  const values = operands.map(({ shape, dataType }, position) =>
    input(`${name} / ${position}`, shape, dataType),
  );
  const result = operationCase.build(values);
  const references = operands.map(({ shape, data }) => ({ shape, data: Float64Array.from(data, Number) }));
  const random = new RandomStream(0, "loss weights", name);
  const weights = Float32Array.from({ length: elementCount(result.shape) }, () => random.uniform(-1, 1));
  const loss = sum(multiply(cast(result, "float32"), floats(weights, result.shape)));
  return {
    name,
    operands,
    references,
    weights: Float64Array.from(weights),
    expected: operationCase.reference(references),
    values,
    result,
    gradients: gradients(loss, values),
    reference: (tensors) => operationCase.reference(tensors),
  };
}

function fill(spec: OperandSpec, name: string, position: number): HostTensor {
  if (spec.kind === "fixed") return spec.tensor;
  const random = new RandomStream(0, "operand", name, position);
  const data = Float32Array.from({ length: elementCount(spec.shape) }, () =>
    random.uniform(spec.low, spec.high),
  );
  return { dataType: "float32", shape: spec.shape, data };
}
