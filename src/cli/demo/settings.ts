import type { ConfigOverrides } from "../../run/index.js";

/** What decides a demo's data and its training. */
export interface DemoSettings {
  readonly seed: number;
  /** Generated slides for training, validation and test, each of a patient of its own. */
  readonly slides: { readonly count: number; readonly size: number };
  /** Side in pixels of the one slide that is segmented at the end. */
  readonly heldOutSize: number;
  readonly patchSize: number;
  readonly stride: number;
  /** Slides of each split. */
  readonly split: readonly [train: number, val: number, test: number];
  /** Most patches of each label in each split. */
  readonly maxPositives: number;
  readonly maxNegatives: number;
  /** What differs from the preset `paper-small`. */
  readonly config: ConfigOverrides;
}

/** Microns per pixel of the generated tissue. */
export const DEMO_MICRONS_PER_PIXEL = 0.5;

/** The demo as users run it; the numbers were chosen to take about five minutes on two cores. */
export const demoSettings: DemoSettings = {
  seed: 0,
  slides: { count: 22, size: 768 },
  heldOutSize: 768,
  patchSize: 192,
  stride: 144,
  split: [16, 2, 4],
  maxPositives: 100,
  maxNegatives: 80,
  config: {
    classifier: { inputSize: 128, epochs: 8, samplesPerEpoch: 208, decayPeriod: 3, patience: 8 },
    // On generated tissue the activation falls off less steeply than on real slides.
    cam: { threshold: 0.3, scales: [1.5] },
    decoder: { epochs: 4, learningRate: 2e-4, maximumPatches: 40 },
    rounds: 1,
  },
};
