import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  input,
  slice,
} from "../../src/graph/index.js";
import { HostAdam } from "../../src/nn/host-adam.js";
import { adam, adamW, type Optimizer } from "../../src/nn/index.js";

const LEARNING_RATE = 3e-4;
const STEPS = 4;
/** Not multiples of four, so that the last vector is not full, and one that fills whole lines. */
const SHAPES = { weight: [7, 3, 3], bias: [5], line: [64] } as const;

const optimizers: Readonly<Record<string, Optimizer>> = {
  adam: adam(),
  "adam with weight decay": adam({ weightDecay: 1e-2 }),
  adamW: adamW({ weightDecay: 1e-2, beta1: 0.8, epsilon: 1e-3 }),
};

function random(name: string, shape: readonly number[], low: number, high: number): FloatTensor {
  const stream = new RandomStream(0, "host adam", name);
  const length = shape.reduce((product, size) => product * size, 1);
  return floatTensor(
    shape,
    Float32Array.from({ length }, () => stream.uniform(low, high)),
  );
}

function scalarsOf(optimizer: Optimizer, step: number): Float32Array {
  return Float32Array.from(optimizer.scalars(step, LEARNING_RATE));
}

/** Zero every third time: then moments fade, and the parameter moves by them and by weight decay alone. */
function gradientOf(name: string, shape: readonly number[], step: number): FloatTensor {
  return step % 3 === 0 ? floatTensor(shape) : random(`gradient ${name} ${step}`, shape, -1, 1);
}

function start(name: string, shape: readonly number[]) {
  return {
    name,
    initial: random(`parameter ${name}`, shape, -1, 1),
    moments: [
      { name: `first ${name}`, initial: random(`first ${name}`, shape, -0.1, 0.1) },
      { name: `second ${name}`, initial: random(`second ${name}`, shape, 0, 0.1) },
    ],
  } as const;
}

async function onHost(optimizer: Optimizer): Promise<Record<string, Float32Array>> {
  const names = Object.entries(SHAPES).map(([name, shape]) => start(name, shape));
  const host = new HostAdam(optimizer.arithmetic, names);
  for (let step = 1; step <= STEPS; step++) {
    for (const [name, gradient] of host.gradients)
      gradient.data.set(gradientOf(name, gradient.shape, step).data);
    host.step(scalarsOf(optimizer, step));
  }
  const all = [...host.parameters, ...host.moments];
  return Object.fromEntries(all.map(([name, { data }]) => [name, data.slice()]));
}

async function byGraph(optimizer: Optimizer): Promise<Record<string, Float32Array>> {
  const results: Record<string, Float32Array> = {};
  for (const [name, shape] of Object.entries(SHAPES)) {
    const { initial, moments } = start(name, shape);
    const scalars = input("scalars", [3]);
    const scalar = (index: number) => slice(scalars, [{ axis: 0, start: index, end: index + 1 }]);
    const { parameter, state } = optimizer.update(
      input("parameter", shape),
      input("gradient", shape),
      [input("first", shape), input("second", shape)],
      { learningRate: scalar(0), firstCorrection: scalar(1), secondCorrection: scalar(2) },
    );
    const [first, second] = state;
    if (first === undefined || second === undefined) throw new RangeError("a moment is missing");
    const outputs = { nextParameter: parameter, nextFirst: first, nextSecond: second };
    const session = await GraphSession.create(outputs, device("cpu", 1));
    let [p, m, v] = [initial, moments[0].initial, moments[1].initial];
    for (let step = 1; step <= STEPS; step++) {
      const feeds = { parameter: p, first: m, second: v, gradient: gradientOf(name, shape, step) };
      const given = await session.run({ ...feeds, scalars: floatTensor([3], scalarsOf(optimizer, step)) });
      [p, m, v] = [
        floatTensor(shape, floatsOf(given, "nextParameter")),
        floatTensor(shape, floatsOf(given, "nextFirst")),
        floatTensor(shape, floatsOf(given, "nextSecond")),
      ];
    }
    await session.close();
    Object.assign(results, { [name]: p.data, [`first ${name}`]: m.data, [`second ${name}`]: v.data });
  }
  return results;
}

describe("Adam in host memory", () => {
  for (const [name, optimizer] of Object.entries(optimizers)) {
    it(`gives the bytes of the optimizer's graph: ${name}`, async () => {
      const [host, graph] = [await onHost(optimizer), await byGraph(optimizer)];
      expect(Object.keys(host).sort()).toEqual(Object.keys(graph).sort());
      for (const [of, values] of Object.entries(graph)) expect(host[of], of).toEqual(values);
    });
  }

  it("tells when one memory cannot hold the parameters", () => {
    const large = [2 ** 14, 2 ** 14];
    expect(HostAdam.holds([large])).toBe(true);
    expect(HostAdam.holds([large, large])).toBe(false);
  });
});
