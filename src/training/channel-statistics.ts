/** Mean of every channel of a set of feature maps, and one over its deviation. */
export interface ChannelStatistics {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/** Deviations below this are those of a channel that is the same everywhere. */
const LEAST_DEVIATION = 1e-6;

/**
 * Statistics over all cells of feature maps, [channels, …] each, gone through once.
 * @param maps gives them one after the other
 */
export async function channelStatistics(
  channels: number,
  maps: () => AsyncIterable<Float32Array>,
): Promise<ChannelStatistics> {
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  let cells = 0;
  for await (const map of maps()) {
    const size = map.length / channels;
    cells += size;
    for (let channel = 0; channel < channels; channel++) {
      let [sum, square] = [0, 0];
      for (let at = channel * size; at < (channel + 1) * size; at++) {
        const value = map[at] ?? 0;
        sum += value;
        square += value * value;
      }
      sums[channel] = (sums[channel] ?? 0) + sum;
      squares[channel] = (squares[channel] ?? 0) + square;
    }
  }
  const mean = Float32Array.from(sums, (sum) => sum / cells);
  const scale = Float32Array.from(squares, (square, channel) => {
    const average = (sums[channel] ?? 0) / cells;
    const deviation = Math.sqrt(Math.max(0, square / cells - average * average));
    return 1 / Math.max(LEAST_DEVIATION, deviation);
  });
  return { mean, scale };
}
