import { EpSamError } from "../../common/index.js";
import { type FloatTensor, floatTensor, type Shape, sameShape } from "../../graph/index.js";
import { withDropoutLayers } from "../backbones/resnet-names.js";
import { classifierTensors } from "../patch-classifier.js";
import type { ClassifierDepth, ResNetAdlOptions } from "../resnet-adl.js";
import { matchStateDict, type OpenWeightsOptions, type WeightFile } from "../weights/index.js";
import {
  besideStateDict,
  type LeftOut,
  type LoadedWeights,
  openModelWeights,
  readFloatTensors,
  renamedWeights,
} from "./model-weights.js";

const STEM = "conv1.weight";
const HEAD = "fc.";
/** PyTorch counts batches for a momentum that no model here uses. */
export const BATCH_COUNTER = ".num_batches_tracked";

/** What of the classifier's options shows in its tensors. */
export interface ClassifierVariant {
  readonly depth: ClassifierDepth;
  readonly highFrequency: boolean;
}

/**
 * Loads a trained patch classifier, for example the authors' `*_resnet_adl.pth`: every tensor of the model, nothing
 * else but PyTorch's batch counters. Blocks may be numbered with the attention dropout layers or without.
 * @param options the model; its depth and stem are found in the file when left out
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape
 */
export async function loadClassifier(
  path: string,
  options: ResNetAdlOptions | undefined = undefined,
  open: OpenWeightsOptions = {},
): Promise<LoadedWeights & { readonly variant: ClassifierVariant }> {
  const file = await openClassifier(path, open);
  try {
    const variant = options ?? classifierVariant(file);
    const counters = [...file.tensors.keys()].filter((name) => name.endsWith(BATCH_COUNTER));
    const rest = new Map([...file.tensors].filter(([name]) => !name.endsWith(BATCH_COUNTER)));
    const matched = matchStateDict(classifierTensors({ dropThreshold: 0, ...variant }), rest, { file: path });
    return {
      file: path,
      format: file.format,
      variant: { depth: variant.depth, highFrequency: variant.highFrequency },
      weights: await readFloatTensors(file, [...matched.keys()]),
      leftOut: [...besideStateDict(file), ...batchCounters(counters)],
    };
  } finally {
    await file.close();
  }
}

/**
 * Starting weights for a classifier from a ResNet trained elsewhere (torchvision and timm name their tensors
 * alike): the stem's fourth channel starts at zero, and the head is the fresh one unless the file's fits.
 * @param fresh gives the random weights of a tensor that the file does not have
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape
 */
export async function loadInitialClassifier(
  path: string,
  options: ResNetAdlOptions,
  fresh: (name: string, shape: Shape) => FloatTensor,
  open: OpenWeightsOptions = {},
): Promise<LoadedWeights> {
  const file = await openClassifier(path, open);
  try {
    const expected = classifierTensors(options);
    const stem = expected.find(({ name }) => name === STEM)?.shape ?? [];
    const plainStem = [64, 3, 7, 7];
    const lacksChannel = options.highFrequency && sameShape(file.tensors.get(STEM)?.shape ?? [], plainStem);
    const isHeadFresh = !expected.every(
      ({ name, shape }) => !name.startsWith(HEAD) || sameShape(file.tensors.get(name)?.shape ?? [-1], shape),
    );
    const isTaken = (name: string) =>
      !(name.endsWith(BATCH_COUNTER) || (isHeadFresh && name.startsWith(HEAD)));
    const wanted = expected
      .filter(({ name }) => isTaken(name))
      .map(({ name, shape }) => ({ name, shape: name === STEM && lacksChannel ? plainStem : shape }));
    const offered = new Map([...file.tensors].filter(([name]) => isTaken(name)));
    const matched = matchStateDict(wanted, offered, { file: path });
    const read = await readFloatTensors(file, [...matched.keys()]);
    const skipped = [...file.tensors.keys()].filter((name) => !isTaken(name));
    return {
      file: path,
      format: file.format,
      weights: new Map(
        expected.map(({ name, shape }) => {
          const tensor = read.get(name) ?? fresh(name, shape);
          return [name, name === STEM && lacksChannel ? withZeroChannel(tensor, stem) : tensor];
        }),
      ),
      leftOut: [
        ...besideStateDict(file),
        ...batchCounters(skipped.filter((name) => name.endsWith(BATCH_COUNTER))),
        ...oldHead(skipped.filter((name) => name.startsWith(HEAD))),
      ],
    };
  } finally {
    await file.close();
  }
}

async function openClassifier(path: string, open: OpenWeightsOptions): Promise<WeightFile> {
  const file = await openModelWeights(path, open);
  const names = [...file.tensors.keys()];
  return renamedWeights(file, (name) => withDropoutLayers(name, names));
}

/** Bottleneck blocks, which have a third convolution, are those of ResNet-50. */
function classifierVariant({ tensors, path }: WeightFile): ClassifierVariant {
  const channels = tensors.get(STEM)?.shape[1];
  if (channels === undefined) {
    throw new EpSamError("weights", {
      what: "does not hold a patch classifier",
      where: path,
      why: `there is no ${STEM}; it begins with ${[...tensors.keys()].slice(0, 3).join(", ")}`,
      action: "Give a checkpoint of ResNet with the usual names (torchvision's); `key` names an inner dict.",
    });
  }
  return { depth: tensors.has("layer1.0.conv3.weight") ? 50 : 18, highFrequency: channels === 4 };
}

/** [64, 3, 7, 7] → [64, 4, 7, 7]: the last channel of each filter is zero. */
export function withZeroChannel(stem: FloatTensor, shape: readonly number[]): FloatTensor {
  const [filters = 0, channels = 0, height = 0, width = 0] = shape;
  const taken = (channels - 1) * height * width;
  const result = floatTensor(shape);
  for (let filter = 0; filter < filters; filter++) {
    result.data.set(
      stem.data.subarray(filter * taken, (filter + 1) * taken),
      filter * channels * height * width,
    );
  }
  return result;
}

export function batchCounters(names: readonly string[]): LeftOut[] {
  return names.length === 0 ? [] : [{ names, why: "PyTorch's counters of batches, which nothing here uses" }];
}

function oldHead(names: readonly string[]): LeftOut[] {
  return names.length === 0 ? [] : [{ names, why: "the head for other classes; ours begins afresh" }];
}
