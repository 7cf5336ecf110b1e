import { expect } from "vitest";
import { RandomStream } from "../../../src/common/index.js";
import { device, floatsOf, GraphSession, type HostTensor, type Value } from "../../../src/graph/index.js";
import type { LoweringTarget } from "../../../src/graph/lowering.js";
import type { OperationCase } from "./operation-case.js";
import { type PreparedCase, prepareCases } from "./prepared-case.js";
import { dot } from "./tensor.js";

/** Step of the central differences, taken in double precision by the reference. */
const STEP = 1e-4;
/** float32 results against double precision, relative to the largest number of the tensor. */
const TOLERANCE = 2e-5;
/** Operands up to this size are differentiated element by element. */
const SMALL = 24;
/** Larger ones at some elements and along random directions, in which every element has a part. */
const SAMPLED_ELEMENTS = 6;
const DIRECTIONS = 2;

/** What {@link checkCases} expects of the gradients. */
export type Differentiability = "differentiable" | "gradient is zero";

/**
 * Runs all cases in one session (and again as lowered for a GPU) and compares values and shapes with the reference, and gradients with
 * central differences of the reference. Returns the graphs' results for checks of what they contain.
 */
export async function checkCases(
  title: string,
  cases: readonly OperationCase[],
  differentiability: Differentiability,
): Promise<readonly Value[]> {
  const { prepared, outputs, feeds } = prepareCases(title, cases);
  const results = await runLoweredFor("cpu", outputs, feeds);
  const forGpu = await runLoweredFor("gpu", outputs, feeds);
  for (const name of Object.keys(outputs)) {
    expectClose(`${name}, lowered for a GPU`, floatsOf(forGpu, name), floatsOf(results, name));
  }
  for (const each of prepared) {
    expect(each.result.shape, `${each.name}: shape`).toEqual(each.expected.shape);
    expectClose(`${each.name}: result`, floatsOf(results, `${each.name}: result`), each.expected.data);
    checkGradients(each, results, differentiability);
  }
  return prepared.map(({ result }) => result);
}

/** Runs the node sequences of either kind of device on the CPU, which understands both. */
async function runLoweredFor(
  target: LoweringTarget,
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, HostTensor>>,
): Promise<Record<string, HostTensor>> {
  const session = await GraphSession.create(outputs, device("cpu", 1), { target });
  const results = await session.run(feeds);
  await session.close();
  return results;
}

function checkGradients(
  prepared: PreparedCase,
  results: Record<string, HostTensor>,
  differentiability: Differentiability,
): void {
  prepared.operands.forEach(({ dataType, shape }, index) => {
    const derivative = prepared.gradients[index];
    const label = `${prepared.name}: gradient of operand ${index}`;
    if (dataType !== "float32" || differentiability === "gradient is zero") {
      expect(derivative, label).toBeUndefined();
      return;
    }
    expect(derivative?.shape, label).toEqual(shape);
    checkDerivative(prepared, index, floatsOf(results, `${prepared.name}: gradient ${index}`), label);
  });
}

function checkDerivative(prepared: PreparedCase, operand: number, actual: Float32Array, label: string): void {
  const random = new RandomStream(0, "directions", label);
  const everyElement = [...actual.keys()];
  const probed =
    everyElement.length <= SMALL ? everyElement : random.shuffled(everyElement).slice(0, SAMPLED_ELEMENTS);
  const numeric = probed.map((element) =>
    directionalDerivative(prepared, operand, (position) => (position === element ? 1 : 0)),
  );
  expectClose(
    `${label} at ${probed.join(", ")}`,
    probed.map((element) => actual[element] ?? Number.NaN),
    numeric,
  );
  if (everyElement.length <= SMALL) return;
  for (let repeat = 0; repeat < DIRECTIONS; repeat++) {
    const direction = Float64Array.from(actual, () => random.uniform(-1, 1));
    const expected = directionalDerivative(prepared, operand, (position) => direction[position] ?? 0);
    const largest = Math.max(...actual.map(Math.abs));
    const error = Math.abs(dot(actual, direction) - expected);
    expect(error, `${label} along direction ${repeat}`).toBeLessThan(
      TOLERANCE * (1 + largest) * Math.sqrt(actual.length),
    );
  }
}

function directionalDerivative(
  { references, reference, weights }: PreparedCase,
  operand: number,
  direction: (position: number) => number,
): number {
  const lossAt = (step: number): number => {
    const moved = references.map((tensor, index) =>
      index === operand
        ? { shape: tensor.shape, data: tensor.data.map((x, position) => x + step * direction(position)) }
        : tensor,
    );
    return dot(reference(moved).data, weights);
  };
  return (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
}

/** Expects two lists of numbers to agree to the tolerance, relative to the largest expected. */
export function expectClose(label: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length, `${label}: number of elements`).toBe(expected.length);
  let largest = 1;
  let worst = { error: 0, position: -1 };
  for (let position = 0; position < expected.length; position++) {
    const [is, should] = [actual[position] ?? Number.NaN, expected[position] ?? Number.NaN];
    largest = Math.max(largest, Math.abs(should));
    const error = Number.isNaN(is - should) ? Number.POSITIVE_INFINITY : Math.abs(is - should);
    if (error > worst.error) worst = { error, position };
  }
  const { error, position } = worst;
  expect(
    error,
    `${label}: element ${position} is ${actual[position]}, should be ${expected[position]}`,
  ).toBeLessThanOrEqual(TOLERANCE * largest);
}
