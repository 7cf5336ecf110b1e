import { classifierStep, decoderStep, type Section, type StepMemory } from "./sections.js";

const PATCH = 512;

/** What is compared, by name. */
export const memoryVariants: Readonly<
  Record<string, { readonly title: string; readonly memory: StepMemory }>
> = {
  plain: { title: "all kept", memory: { keepAtMost: Number.POSITIVE_INFINITY } },
  activations: { title: "`checkpointing: activations`, the default", memory: {} },
  segments: { title: "`checkpointing: segments`", memory: { segments: true } },
  "micro-2": { title: "`microBatch: 2`", memory: { microBatch: 2 } },
  "micro-2-segments": {
    title: "`microBatch: 2`, `checkpointing: segments`",
    memory: { microBatch: 2, segments: true },
  },
  "micro-1-segments": {
    title: "`microBatch: 1`, `checkpointing: segments`",
    memory: { microBatch: 1, segments: true },
  },
  float16: { title: "`precision: float16`", memory: { precision: "float16" } },
};

/** Models and the batches that they are measured at. */
export const memoryModels: Readonly<
  Record<string, { readonly title: string; readonly batches: readonly number[] }>
> = {
  classifier: { title: "ResNet-50-ADL, 512² patches", batches: [1, 2, 4, 8, 16] },
  decoder: { title: "SAM decoder, 512² patches, 50 points", batches: [1, 2, 4, 8, 16] },
};

/** The section of a name such as `classifier/segments/8`; `undefined` for names of another form. */
export function memorySection(name: string): Section | undefined {
  const [model, variantName = "", batch] = name.split("/");
  const variant = memoryVariants[variantName];
  const batchSize = Number(batch);
  if (variant === undefined || !Number.isInteger(batchSize)) return undefined;
  if (model === "classifier") return classifierStep(batchSize, PATCH, variant.memory);
  if (model !== "decoder") return undefined;
  return {
    title: name,
    images: batchSize,
    inPyTorch: false,
    prepare: (device) => decoderStep(device, batchSize, variant.memory),
  };
}
