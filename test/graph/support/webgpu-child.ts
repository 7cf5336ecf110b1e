/**
 * The process that compares the operations named in its arguments on webgpu with the CPU. For each it writes a line
 * of JSON; on the error output, between lines "begin NAME" and "end NAME", the engine tells where it places nodes.
 */
import { writeSync } from "node:fs";
import { messageOf } from "../../../src/common/index.js";
import { encodeGraph } from "../../../src/graph/encode.js";
import { device, floatsOf, GraphSession, type HostTensor, type Value } from "../../../src/graph/index.js";
import { sessionOptions } from "../../../src/graph/runtime/device.js";
import { InferenceSession, Tensor } from "../../support/onnxruntime.js";
import { cases, compositeCases } from "../cases/index.js";
import { prepareCases } from "./prepared-case.js";

/** Everything down to where nodes are placed. */
const VERBOSE = 0;
const every: Readonly<Record<string, (typeof cases)["add"]>> = { ...cases, ...compositeCases };

type Outputs = Readonly<Record<string, Value>>;
type HostFeeds = Readonly<Record<string, HostTensor>>;

async function onWebGpu(outputs: Outputs, feeds: HostFeeds): Promise<Map<string, ArrayLike<number>>> {
  const graph = encodeGraph(outputs, { target: "gpu" });
  const options = { ...sessionOptions(device("webgpu", 1)), logSeverityLevel: VERBOSE } as const;
  const session = await InferenceSession.create(graph.bytes, options);
  const fed = [...graph.inputs.keys()].map((name) => {
    const feed = feeds[name];
    if (feed === undefined) throw new Error(`${name} is not fed`);
    return [name, new Tensor(feed.dataType, feed.data, [...feed.shape])] as const;
  });
  const results = await session.run(Object.fromEntries(fed));
  return new Map(
    Object.entries(results).map(([name, { data }]) => {
      if (!(data instanceof Float32Array)) throw new TypeError(`${name} is not float32`);
      return [name, data] as const;
    }),
  );
}

/** The largest error relative to the tensor's largest number or 1, and where. */
async function compare(name: string): Promise<object> {
  const { outputs, feeds } = prepareCases(name, every[name] ?? []);
  const actual = await onWebGpu(outputs, feeds);
  const onCpu = await GraphSession.create(outputs, device("cpu", 1));
  const expected = await onCpu.run(feeds);
  let worst = { error: 0, at: "" };
  for (const output of Object.keys(outputs)) {
    const should = floatsOf(expected, output);
    const is = actual.get(output) ?? [];
    const scale = Math.max(1, ...should.map(Math.abs));
    should.forEach((value, index) => {
      const difference = Math.abs((is[index] ?? Number.NaN) - value) / scale;
      const error = Number.isNaN(difference) ? Number.MAX_VALUE : difference;
      if (error > worst.error) worst = { error, at: `${output} [${index}]: ${is[index]}, not ${value}` };
    });
  }
  return worst;
}

for (const name of process.argv.slice(2)) {
  writeSync(2, `begin ${name}\n`);
  const result = await compare(name).catch((thrown: unknown) => ({ failure: messageOf(thrown) }));
  writeSync(1, `${JSON.stringify({ name, ...result })}\n`);
  writeSync(2, `end ${name}\n`);
}
