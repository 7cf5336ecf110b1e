import {
  constant,
  type Device,
  device as defaultDevice,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  input,
  type Value,
} from "../../../src/graph/index.js";
import {
  createSamFrame,
  decodeMasks,
  embeddingPositions,
  encodePrompts,
  type MaskPrediction,
  type PromptEmbeddings,
  type PromptValues,
} from "../../../src/models/sam/index.js";
import { loadMinisamDecoder } from "../../../src/models/weights/index.js";
import { frozenParameters, type ParameterLookup } from "../../../src/nn/index.js";

/** The golden sections upsample masks to patches of this side. */
const PATCH_SIZE = 512;

/** The upsampling matrix of one axis of a 512×512 patch, [512, 256]. */
export function patchMatrix(): Value {
  const frame = createSamFrame({ width: PATCH_SIZE, height: PATCH_SIZE });
  return constant(floatTensor([PATCH_SIZE, 256], frame.outputMatrixRows()));
}

/** The pretrained prompt encoder and mask decoder as constants. */
export async function pretrainedSam(): Promise<ParameterLookup> {
  return frozenParameters(await loadMinisamDecoder());
}

/** SAM from image embedding and prompts to low-resolution masks. */
export function samGraph(
  parameters: ParameterLookup,
  decoderParameters: ParameterLookup,
  inputs: { readonly embedding: FloatTensor; readonly prompts: PromptValues; readonly multimask?: boolean },
): MaskPrediction & { readonly prompts: PromptEmbeddings; readonly positions: Value } {
  const prompts = encodePrompts(parameters, inputs.prompts);
  const positions = embeddingPositions(parameters);
  const embedding = input("embedding", inputs.embedding.shape);
  const masks = decodeMasks(
    decoderParameters,
    { embedding, positions, prompts },
    { multimask: inputs.multimask ?? false },
  );
  return { ...masks, prompts, positions };
}

/** Runs a graph once on a device and gives its float32 results by name. */
export async function evaluate(
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, FloatTensor>>,
  device: Device = defaultDevice(),
): Promise<Map<string, FloatTensor>> {
  const session = await GraphSession.create(outputs, device);
  try {
    const results = await session.run(feeds);
    return new Map(
      Object.entries(outputs).map(([name, { shape }]) => [name, floatTensor(shape, floatsOf(results, name))]),
    );
  } finally {
    await session.close();
  }
}

/** Foreground labels for N points of one image. */
export function foregroundLabels(points: FloatTensor): FloatTensor {
  const [batch = 1, count = 0] = points.shape;
  return floatTensor([batch, count], new Float32Array(batch * count).fill(1));
}
