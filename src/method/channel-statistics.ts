/** Mean of every channel of a set of feature maps, and one over its deviation. */
export interface ChannelStatistics {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/** Deviations below this are those of a channel that is the same everywhere. */
const LEAST_DEVIATION = 1e-6;

/** Gathers the statistics of feature maps that are seen one after the other, over all their cells. */
export class ChannelSums {
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #cells = 0;

  constructor(channels: number) {
    this.#sums = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** @param map [channels, …], row-major */
  add(map: Float32Array): void {
    const channels = this.#sums.length;
    const size = map.length / channels;
    this.#cells += size;
    for (let channel = 0; channel < channels; channel++) {
      let [sum, square] = [0, 0];
      for (let at = channel * size; at < (channel + 1) * size; at++) {
        const value = map[at] ?? 0;
        sum += value;
        square += value * value;
      }
      this.#sums[channel] = (this.#sums[channel] ?? 0) + sum;
      this.#squares[channel] = (this.#squares[channel] ?? 0) + square;
    }
  }

  statistics(): ChannelStatistics {
    const cells = this.#cells;
    const mean = Float32Array.from(this.#sums, (sum) => sum / cells);
    const scale = Float32Array.from(this.#squares, (square, channel) => {
      const average = (this.#sums[channel] ?? 0) / cells;
      const deviation = Math.sqrt(Math.max(0, square / cells - average * average));
      return 1 / Math.max(LEAST_DEVIATION, deviation);
    });
    return { mean, scale };
  }
}
