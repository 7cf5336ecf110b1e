import { EpSamError } from "../../common/index.js";
import {
  type Device,
  elementCount,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  type HostTensors,
  input,
  type Value,
} from "../../graph/index.js";
import { frozenParameters, lookupWithin } from "../../nn/index.js";
import type { BackboneEntry } from "../backbones/index.js";
import { stemInput } from "../backbones/input.js";
import { resampledPositions } from "./positions.js";
import {
  embedTokens,
  madeParameters,
  type TokenGrid,
  tokenMap,
  transformerBlock,
} from "./transformer-graph.js";
import type { TransformerWeights } from "./transformer-names.js";
import { prefixTokens, transformerTensors, type VisionTransformer } from "./vision-transformer.js";

/** Parameters of a stretch at most: a quarter of a gigabyte of float32, which exists several times while it is compiled. */
const STRETCH_ELEMENTS = 2 ** 26;

/** Of a graph: what the first stretch takes, what later ones take, and what all but the last give. */
const names = { images: "images", tokens: "tokens", next: "next-tokens" } as const;

/** What a transformer is compiled for. */
export interface TransformerOptions {
  readonly transformer: VisionTransformer;
  readonly weights: TransformerWeights;
  readonly grid: TokenGrid;
  readonly batchSize: number;
  /** Of 8-bit colours. */
  readonly normalisation: BackboneEntry["normalisation"];
  /** Blocks whose tokens are given, counted from 0; the last unless told. */
  readonly blocks?: readonly number[] | undefined;
  readonly device: Device;
  readonly stretchElements?: number | undefined;
}

/**
 * A frozen vision transformer, compiled as stretches of blocks that run one after the other: a graph of a whole large
 * one would exceed the 2 GB of an ONNX file.
 */
export class TransformerModel {
  readonly #options: TransformerOptions;
  readonly #blocks: readonly number[];
  readonly #sessions: readonly GraphSession[];

  private constructor(
    options: TransformerOptions,
    blocks: readonly number[],
    sessions: readonly GraphSession[],
  ) {
    this.#options = options;
    this.#blocks = blocks;
    this.#sessions = sessions;
  }

  /**
   * Reads the weights, one stretch at a time, and compiles the model. Blocks after the last one asked for are not read.
   * @throws EpSamError `usage` when there is no such block, `weights` when a tensor cannot be read, `device` when the
   *   device cannot run it
   */
  static async create(options: TransformerOptions): Promise<TransformerModel> {
    const { transformer, weights } = options;
    const blocks = options.blocks ?? [transformer.depth - 1];
    const absent = blocks.find(
      (block) => !Number.isInteger(block) || block < 0 || block >= transformer.depth,
    );
    if (absent !== undefined) {
      throw new EpSamError("usage", {
        what: `has no block ${absent}`,
        where: weights.path,
        why: `its blocks are 0 to ${transformer.depth - 1}`,
        action: "Choose other `blocks`.",
      });
    }
    const sessions: GraphSession[] = [];
    try {
      for (const stretch of planStretches(transformer, Math.max(...blocks) + 1, options.stretchElements)) {
        sessions.push(await compileStretch(options, blocks, stretch));
      }
    } catch (cause) {
      await Promise.all(sessions.map((session) => session.close()));
      throw cause;
    }
    return new TransformerModel(options, blocks, sessions);
  }

  /** Channels of {@link run}'s maps: those of every block, one after the other. */
  get channels(): number {
    return this.#options.transformer.width * this.#blocks.length;
  }

  /**
   * Token maps of the chosen blocks in the order asked for, [N, width, rows, columns] each.
   * @param images colours from 0 to 255, [N, 3, rows · patch, columns · patch]
   */
  async run(images: FloatTensor): Promise<Float32Array[]> {
    const maps = new Map<number, Float32Array>();
    let feeds: HostTensors = { [names.images]: images };
    for (const session of this.#sessions) {
      const results = await session.run(feeds);
      for (const block of this.#blocks) {
        if (session.outputs.has(mapName(block))) maps.set(block, floatsOf(results, mapName(block)));
      }
      const tokens = results[names.next];
      if (tokens !== undefined) feeds = { [names.tokens]: tokens };
    }
    return this.#blocks.map((block) => maps.get(block) ?? new Float32Array());
  }

  /** Frees the compiled graphs. */
  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}

function mapName(block: number): string {
  return `map-${block}`;
}

/** Some blocks in a row: the first one and one past the last. */
interface Stretch {
  readonly first: number;
  readonly end: number;
  readonly isLast: boolean;
}

/** The first `depth` blocks cut into stretches of about as many parameters as the limit. */
function planStretches(transformer: VisionTransformer, depth: number, limit = STRETCH_ELEMENTS): Stretch[] {
  const size = transformerTensors(transformer)
    .filter(({ name }) => name.startsWith("blocks.0."))
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const length = Math.max(1, Math.floor(limit / size));
  const count = Math.ceil(depth / length);
  return Array.from({ length: count }, (_, index) => ({
    first: index * length,
    end: Math.min(depth, (index + 1) * length),
    isLast: index === count - 1,
  }));
}

async function compileStretch(
  options: TransformerOptions,
  blocks: readonly number[],
  { first, end, isLast }: Stretch,
): Promise<GraphSession> {
  const { transformer, grid, batchSize, normalisation, device } = options;
  const { patch, width } = transformer;
  const lookup = frozenParameters(await stretchParameters(options, { first, end, isLast }, blocks));
  const outputs: Record<string, Value> = {};
  let x: Value;
  if (first === 0) {
    const images = input(names.images, [batchSize, 3, grid.rows * patch, grid.columns * patch]);
    x = embedTokens(lookup, stemInput(images, normalisation, false), transformer, grid);
  } else {
    x = input(names.tokens, [batchSize, prefixTokens(transformer) + grid.rows * grid.columns, width]);
  }
  for (let block = first; block < end; block++) {
    x = transformerBlock(lookupWithin(lookup, `blocks.${block}`), x, transformer);
    if (blocks.includes(block)) outputs[mapName(block)] = tokenMap(lookup, x, transformer, grid);
  }
  if (!isLast) outputs[names.next] = x;
  return GraphSession.create(outputs, device);
}

/** The weights of a stretch as its graph asks for them. */
async function stretchParameters(
  options: TransformerOptions,
  { first, end }: Stretch,
  blocks: readonly number[],
): Promise<Map<string, FloatTensor>> {
  const { transformer, weights } = options;
  const made = new Map<string, FloatTensor>();
  const wanted = transformerTensors(transformer).map(({ name }) => name);
  if (first === 0) {
    for (const name of wanted.filter((name) => /^(patch_embed|norm_pre)\./.test(name))) {
      made.set(name, await weights.read(name));
    }
    for (const [name, tensor] of await placedTokensOf(options)) made.set(name, tensor);
  }
  for (let block = first; block < end; block++) await readBlock(weights, transformer, block, made);
  if (blocks.some((block) => block >= first && block < end)) {
    for (const name of wanted.filter((name) => name.startsWith("norm.")))
      made.set(name, await weights.read(name));
  }
  return made;
}

/** Class token and registers with their positions for every image, and the positions of the image's tokens. */
async function placedTokensOf({
  transformer,
  weights,
  grid,
  batchSize,
}: TransformerOptions): Promise<Map<string, FloatTensor>> {
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

/** A block's weights with query, key and value apart, the gate of a SwiGLU apart, and layer scales multiplied in. */
async function readBlock(
  weights: TransformerWeights,
  { width, hidden, feedForward, layerScale, qkvBias }: VisionTransformer,
  block: number,
  into: Map<string, FloatTensor>,
): Promise<void> {
  const own = (name: string) => `blocks.${block}.${name}`;
  const read = (name: string) => weights.read(own(name));
  const split = async (from: string, to: readonly string[], rows: number, part: "weight" | "bias") => {
    const { data, shape } = await read(`${from}.${part}`);
    const across = part === "weight" ? (shape[1] ?? 1) : 1;
    to.forEach((name, index) => {
      const shape = part === "weight" ? [rows, across] : [rows];
      const piece = data.subarray(index * rows * across, (index + 1) * rows * across);
      into.set(own(`${name}.${part}`), floatTensor(shape, piece));
    });
  };
  for (const name of ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"])
    into.set(own(name), await read(name));
  const projections = ["attn.query", "attn.key", "attn.value"];
  const inner = feedForward === "swiglu" ? ["mlp.fc1-gate", "mlp.fc1-value"] : ["mlp.fc1"];
  for (const part of ["weight", "bias"] as const) {
    if (part === "weight" || qkvBias) await split("attn.qkv", projections, width, part);
    await split("mlp.fc1", inner, hidden / inner.length, part);
  }
  for (const [layer, scale] of [
    ["attn.proj", "ls1.gamma"],
    ["mlp.fc2", "ls2.gamma"],
  ] as const) {
    const factors = layerScale ? (await read(scale)).data : undefined;
    into.set(own(`${layer}.weight`), scaledRows(await read(`${layer}.weight`), factors));
    into.set(own(`${layer}.bias`), scaledRows(await read(`${layer}.bias`), factors));
  }
}

function scaledRows({ shape, data }: FloatTensor, factors: Float32Array | undefined): FloatTensor {
  if (factors === undefined) return floatTensor(shape, data);
  const across = data.length / factors.length;
  return floatTensor(
    shape,
    data.map((value, index) => value * (factors[Math.floor(index / across)] ?? 1)),
  );
}
