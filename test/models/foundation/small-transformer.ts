import type { VisionTransformer } from "../../../src/models/index.js";

/** ViT-S/16 as timm has it. */
export const smallTransformer = {
  patch: 16,
  width: 384,
  depth: 12,
  heads: 6,
  grid: 14,
  classToken: true,
  registers: 0,
  placedTokens: 1,
  feedForward: "gelu",
  hidden: 1536,
  layerScale: false,
  qkvBias: true,
  patchBias: true,
  preNorm: false,
  finalNorm: true,
  epsilon: 1e-6,
  positions: "antialiased",
} as const satisfies VisionTransformer;
