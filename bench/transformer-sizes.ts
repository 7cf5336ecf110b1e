import type { VisionTransformer } from "../src/models/index.js";

const common = {
  patch: 14,
  grid: 16,
  classToken: true,
  registers: 4,
  placedTokens: 0,
  layerScale: true,
  qkvBias: true,
  patchBias: true,
  preNorm: false,
  finalNorm: true,
  epsilon: 1e-6,
  positions: "antialiased",
} as const;
/** Vision transformers of the usual sizes, as pathology foundation models have them. */
export const transformerSizes = {
  S: { ...common, width: 384, depth: 12, heads: 6, feedForward: "gelu", hidden: 1536 },
  B: { ...common, width: 768, depth: 12, heads: 12, feedForward: "gelu", hidden: 3072 },
  L: { ...common, width: 1024, depth: 24, heads: 16, feedForward: "gelu", hidden: 4096 },
  H: { ...common, width: 1280, depth: 32, heads: 16, feedForward: "swiglu", hidden: 6832 },
  g: { ...common, width: 1536, depth: 40, heads: 24, feedForward: "swiglu", hidden: 8192 },
} as const satisfies Readonly<Record<string, VisionTransformer>>;
