import { expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { disturbed, drawChannelNoise } from "../../src/method/channel-noise.js";

it("features standardised with disturbed statistics are the standardised ones times a factor plus a shift", () => {
  const statistics = { mean: Float32Array.of(2, -1, 0.5), scale: Float32Array.of(0.5, 4, 1) };
  const noise = drawChannelNoise(3, 0.4, new RandomStream(0, "noise"));
  const { mean, scale } = disturbed(statistics, noise);
  for (const [channel, x] of [3, -2, 0].entries()) {
    const of = (values: Float32Array): number => values[channel] ?? Number.NaN;
    const standardised = (x - of(statistics.mean)) * of(statistics.scale);
    const expected = standardised * of(noise.factor) + of(noise.shift);
    expect((x - of(mean)) * of(scale)).toBeCloseTo(expected, 4);
  }
});

it("noise has the deviation that was asked for, around 1 and 0", () => {
  const { factor, shift } = drawChannelNoise(20_000, 0.3, new RandomStream(1, "noise"));
  for (const [values, centre] of [
    [factor, 1],
    [shift, 0],
  ] as const) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(centre, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(0.3, 2);
  }
});
