import { type FloatTensor, floatTensor, type OutsideParameters } from "../../graph/index.js";
import { frozenParameters, type ParameterLookup, ParameterSet } from "../../nn/index.js";
import { resampledPositions } from "./positions.js";
import { madeParameters, type TokenGrid } from "./transformer-graph.js";
import type { TransformerWeights } from "./transformer-names.js";
import { prefixTokens, transformerTensors, type VisionTransformer } from "./vision-transformer.js";

/** Some blocks in a row: the first one and one past the last. */
export interface BlockStretch {
  readonly first: number;
  readonly end: number;
  readonly isLast: boolean;
}

/** What the parameters of a stretch are made of. */
export interface StretchSource {
  readonly transformer: VisionTransformer;
  readonly weights: TransformerWeights;
  readonly grid: TokenGrid;
  readonly batchSize: number;
}

/** Parameters as a graph asks for them. */
export interface StretchParameters {
  readonly lookup: ParameterLookup;
  /** Those that the runtime reads from their file: the blocks' matrices, where they lie in one. */
  readonly outside: OutsideParameters | undefined;
}

/**
 * The weights of a stretch as its graph asks for them.
 * @param blocks whose tokens are given, normalised at the end
 * @throws EpSamError `weights` when a tensor cannot be read
 */
export async function stretchParameters(
  source: StretchSource,
  { first, end }: BlockStretch,
  blocks: readonly number[],
): Promise<StretchParameters> {
  const { transformer, weights } = source;
  const made = new Map<string, FloatTensor>();
  const offsets = new Map<string, number>();
  let file: string | undefined;
  const wanted = transformerTensors(transformer).map(({ name }) => name);
  const readAll = async (names: readonly string[]) => {
    for (const name of names) made.set(name, await weights.read(name));
  };
  if (first === 0) {
    await readAll(wanted.filter((name) => /^(patch_embed|norm_pre)\./.test(name)));
    for (const [name, tensor] of await placedTokensOf(source)) made.set(name, tensor);
  }
  for (const { from, partLength, to } of blockTensors(transformer, first, end)) {
    const place = partLength === undefined ? undefined : weights.place?.(from);
    if (place === undefined || (file !== undefined && file !== place.file)) {
      for (const [name, tensor] of splitRows(await weights.read(from), to)) made.set(name, tensor);
      continue;
    }
    file = place.file;
    to.forEach((name, index) => {
      offsets.set(name, place.offset + 4 * index * (partLength ?? 0));
    });
  }
  if (blocks.some((block) => block >= first && block < end)) {
    await readAll(wanted.filter((name) => name.startsWith("norm.")));
  }
  const inside = frozenParameters(made);
  const own = new ParameterSet();
  return {
    lookup: (name, shape) => (offsets.has(name) ? own.get(name, shape) : inside(name, shape)),
    outside: file === undefined ? undefined : { file, offsets },
  };
}

/** A tensor of the weights and the equal parts of its rows that a graph asks for. */
interface BlockTensor {
  readonly from: string;
  readonly to: readonly string[];
  /** Values of one part where they are matrices. */
  readonly partLength: number | undefined;
}

/** The tensors of blocks: query, key and value apart, the gate of a SwiGLU apart. */
function blockTensors(transformer: VisionTransformer, first: number, end: number): BlockTensor[] {
  const inner = transformer.feedForward === "swiglu" ? ["mlp.fc1-gate", "mlp.fc1-value"] : ["mlp.fc1"];
  const parts = new Map([
    ["attn.qkv", ["attn.query", "attn.key", "attn.value"]],
    ["mlp.fc1", inner],
  ]);
  return transformerTensors(transformer).flatMap(({ name, shape }) => {
    const [, block, layer, kind] = /^blocks\.(\d+)\.(.+)\.(\w+)$/.exec(name) ?? [];
    if (layer === undefined || Number(block) < first || Number(block) >= end) return [];
    const to = (parts.get(layer) ?? [layer]).map((own) => `blocks.${block}.${own}.${kind}`);
    const [outputs = 0, inputs] = shape;
    const partLength = inputs === undefined ? undefined : (outputs / to.length) * inputs;
    return [{ from: name, to, partLength }];
  });
}

/** Equal parts of a tensor along its first axis. */
function splitRows({ shape, data }: FloatTensor, names: readonly string[]): [string, FloatTensor][] {
  const [rows = 0, ...across] = shape;
  const length = data.length / names.length;
  return names.map((name, index) => [
    name,
    floatTensor([rows / names.length, ...across], data.subarray(index * length, (index + 1) * length)),
  ]);
}

/** Class token and registers with their positions for every image, and the positions of the image's tokens. */
async function placedTokensOf({
  transformer,
  weights,
  grid,
  batchSize,
}: StretchSource): Promise<Map<string, FloatTensor>> {
  const { width, classToken, registers, placedTokens, positions: rule } = transformer;
  const { data } = await weights.read("pos_embed");
  const placed = placedTokens * width;
  const resampled = resampledPositions(data.subarray(placed), transformer.grid, grid, rule);
  const made = new Map<string, FloatTensor>([
    [madeParameters.positions, floatTensor([1, grid.rows * grid.columns, width], resampled)],
  ]);
  const count = prefixTokens(transformer);
  if (count === 0) return made;
  const prefix = new Float32Array(count * width);
  if (classToken) prefix.set((await weights.read("cls_token")).data);
  if (registers > 0) prefix.set((await weights.read("reg_token")).data, classToken ? width : 0);
  for (let at = 0; at < placed; at++) prefix[at] = (prefix[at] ?? 0) + (data[at] ?? 0);
  const all = new Float32Array(batchSize * prefix.length);
  for (let image = 0; image < batchSize; image++) all.set(prefix, image * prefix.length);
  return made.set(madeParameters.prefix, floatTensor([batchSize, count, width], all));
}
