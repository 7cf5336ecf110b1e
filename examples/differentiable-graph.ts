/**
 * Fits a line by gradient descent: a graph, its gradients and the update run as one ONNX model.
 *
 *     npx tsx examples/differentiable-graph.ts
 */
import {
  add,
  device,
  floatsOf,
  floatTensor,
  gradients,
  input,
  mean,
  multiply,
  parameter,
  StatefulSession,
  scale,
  square,
  subtract,
} from "ep-sam/graph";

const x = input("x", [8]);
const y = input("y", [8]);
const slope = parameter("slope", [1]);
const offset = parameter("offset", [1]);
const loss = mean(square(subtract(add(multiply(slope, x), offset), y)));
const [slopeGradient, offsetGradient] = gradients(loss, [slope, offset]);
if (slopeGradient === undefined || offsetGradient === undefined)
  throw new Error("the loss has no parameters");

const descend = (value: typeof slope, gradient: typeof slope) => ({
  current: value,
  next: subtract(value, scale(gradient, 0.1)),
  initial: floatTensor([1]),
});
const session = await StatefulSession.create(
  new Map([
    ["slope", descend(slope, slopeGradient)],
    ["offset", descend(offset, offsetGradient)],
  ]),
  { loss },
  device("cpu", 1),
);
const xs = Float32Array.from({ length: 8 }, (_, index) => index / 4 - 1);
const feeds = {
  x: floatTensor([8], xs),
  y: floatTensor(
    [8],
    xs.map((value) => 3 * value + 2),
  ),
};
let last = Number.NaN;
for (let step = 0; step < 200; step++) last = floatsOf(await session.step(feeds), "loss")[0] ?? Number.NaN;
const { slope: fitted, offset: shift } = await session.read();
console.log(
  `y = ${fitted?.data[0]?.toFixed(3)} x + ${shift?.data[0]?.toFixed(3)}, loss ${last.toExponential(1)}`,
);
await session.close();
