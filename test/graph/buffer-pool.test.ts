import { describe, expect, it } from "vitest";
import { BufferPool } from "../../src/graph/runtime/buffer-pool.js";

describe("the pool of buffers", () => {
  it("gives a returned buffer again, to a tensor of another shape too", () => {
    const pool = new BufferPool();
    const first = pool.take([4, 5]);
    expect(first.data).toHaveLength(20);
    pool.give(first);
    const second = pool.take([3, 5]);
    expect(second.data.buffer).toBe(first.data.buffer);
    expect(second).toMatchObject({ dataType: "float32", shape: [3, 5] });
    expect(second.data).toHaveLength(15);
    expect(pool.take([3, 5]).data.buffer).not.toBe(first.data.buffer);
  });

  it("takes the smallest that fits, and none that is more than twice as large", () => {
    const pool = new BufferPool();
    const [large, small, tiny] = [pool.take([100]), pool.take([60]), pool.take([10])];
    for (const tensor of [large, tiny, small]) pool.give(tensor);
    expect(pool.take([55]).data.buffer).toBe(small.data.buffer);
    expect(pool.take([20]).data.buffer.byteLength).toBe(80);
    expect(pool.take([70]).data.buffer).toBe(large.data.buffer);
    expect(pool.take([10]).data.buffer).toBe(tiny.data.buffer);
  });
});
