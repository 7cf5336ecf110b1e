import { describe, expect, it } from "vitest";
import { encodeGraph } from "../../src/graph/encode.js";
import {
  depthwiseConv2d,
  device,
  floatsOf,
  GraphSession,
  input,
  relu6,
  type Value,
} from "../../src/graph/index.js";
import { BLOCKED_CHANNELS, decodeModel } from "../../src/graph/onnx/schema.js";
import { depthwiseCases } from "./cases/depthwise.js";
import { expectClose } from "./support/check-cases.js";
import { prepareCases } from "./support/prepared-case.js";

const nodesOf = (result: Value, blockedChannels: boolean) =>
  decodeModel(encodeGraph({ y: result }, { blockedChannels }).bytes).graph.node;

const convolved = (channels = 16) =>
  depthwiseConv2d(input("x", [1, channels, 8, 8]), input("w", [channels, 1, 3, 3]), { padding: 1 });

describe("convolutions of single channels", () => {
  it("give the same with and without the runtime's blocked channels", async () => {
    const { outputs, feeds } = prepareCases("blocked", Object.values(depthwiseCases).flat());
    const [plain, blocked] = await Promise.all(
      [false, true].map(async (blockedChannels) => {
        const session = await GraphSession.create(outputs, device("cpu", 1), { blockedChannels });
        const results = await session.run(feeds);
        await session.close();
        return results;
      }),
    );
    for (const name of Object.keys(outputs)) {
      expectClose(name, floatsOf(blocked ?? {}, name), floatsOf(plain ?? {}, name));
    }
  });

  it("name blocked operations only where they are allowed and fit", () => {
    const blockedNodes = (...of: Parameters<typeof nodesOf>) =>
      nodesOf(...of).filter(({ domain }) => domain === BLOCKED_CHANNELS).length;
    expect(blockedNodes(convolved(), true)).toBeGreaterThan(0);
    expect(blockedNodes(convolved(), false)).toBe(0);
    expect(blockedNodes(convolved(24), true)).toBe(0);
  });

  it("clip in the same pass, unless something else reads the unclipped result", () => {
    const types = (result: Value) => nodesOf(result, true).map(({ opType }) => opType);
    expect(types(relu6(convolved()))).not.toContain("Clip");
    const before = convolved();
    expect(types(depthwiseConv2d(relu6(before), input("v", [16, 1, 8, 8])))).not.toContain("Clip");
    const graph = encodeGraph({ y: relu6(before), before }, { blockedChannels: true });
    expect(decodeModel(graph.bytes).graph.node.map(({ opType }) => opType)).toContain("Clip");
  });
});
