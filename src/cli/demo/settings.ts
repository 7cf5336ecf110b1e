import type { ConfigOverrides } from "../../run/index.js";
import type { MeasuredStep } from "./demo-progress.js";

/** Generated slides for training, validation and test, each of a patient of its own, and one that nothing sees. */
export interface GeneratedTissue {
  readonly count: number;
  /** Side of a slide in pixels. */
  readonly size: number;
  /** Side of the one that is segmented at the end. */
  readonly heldOutSize: number;
  /** Slides of each split. */
  readonly split: readonly [train: number, val: number, test: number];
}

/** Real slides in `examples/`: one to learn from, one that is segmented at the end. */
export interface RealTissue {
  readonly folder: string;
  readonly learnFrom: string;
  readonly heldOut: string;
}

/** What decides a demo's data and its training. */
export interface DemoSettings {
  readonly seed: number;
  readonly tissue: GeneratedTissue | RealTissue;
  readonly patchSize: number;
  readonly stride: number;
  /** Side of the windows in a patch that are labelled by what they hold. */
  readonly windowSize: number;
  /** What differs from the preset {@link DEMO_PRESET}. */
  readonly config: ConfigOverrides;
}

/** Seconds on two cores of an x86 server, for the time left. */
export const demoSteps: readonly MeasuredStep[] = [
  { task: /^generating slides/, seconds: 12 },
  { task: /^slide \d+ of/, seconds: 2 },
  { task: /^writing patches/, seconds: 2 },
  { task: /^classifier: features/, seconds: 4 },
  { task: /^classifier: epoch/, seconds: 6 },
  { task: /^initial masks/, seconds: 5 },
  { task: /^preliminary: features/, seconds: 3 },
  { task: /^preliminary: epoch/, seconds: 50 },
  { task: /^evaluation/, seconds: 5 },
  { task: /: patches$/, seconds: 5 },
];

/** Microns per pixel at which tissue is generated and read. */
export const DEMO_MICRONS_PER_PIXEL = 0.5;

export const DEMO_PRESET = "laptop";

/** The demo as users run it; the numbers were chosen to take about two minutes on two cores. */
export const demoSettings: DemoSettings = {
  seed: 0,
  tissue: { count: 14, size: 768, heldOutSize: 768, split: [10, 2, 2] },
  patchSize: 256,
  stride: 256,
  windowSize: 96,
  config: { decoder: { epochs: 10, samplesPerEpoch: 40 } },
};

/** The demo on real tissue, with the settings of `bench/accuracy`, shortened to three minutes on two cores. */
export const tissueDemoSettings: DemoSettings = {
  seed: 0,
  tissue: { folder: "breast-cancer", learnFrom: "bcss1008", heldOut: "bcss1015" },
  patchSize: 448,
  stride: 224,
  windowSize: 112,
  config: { decoder: { epochs: 5, samplesPerEpoch: 60, augment: { cropSize: 416 } } },
};
