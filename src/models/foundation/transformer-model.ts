import { EpSamError } from "../../common/index.js";
import {
  type Device,
  elementCount,
  type FloatTensor,
  floatsOf,
  GraphSession,
  type HostTensors,
  input,
  type Value,
} from "../../graph/index.js";
import { lookupWithin } from "../../nn/index.js";
import type { BackboneEntry } from "../backbones/index.js";
import { stemInput } from "../backbones/input.js";
import { type BlockStretch, stretchParameters } from "./stretch-parameters.js";
import { embedTokens, type TokenGrid, tokenMap, transformerBlock } from "./transformer-graph.js";
import type { TransformerWeights } from "./transformer-names.js";
import { prefixTokens, transformerTensors, type VisionTransformer } from "./vision-transformer.js";

/** Parameters of a stretch at most: a quarter of a gigabyte of float32, which exists several times while it is compiled. */
const STRETCH_ELEMENTS = 2 ** 26;

/**
 * Parameters from which on their file is mapped into memory: two gigabytes of float32. Below, they are copied as products
 * want them, which makes these a twentieth to a tenth faster; above, opening takes long and each process has its copy.
 */
const MAPPED_ELEMENTS = 2 ** 29;

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
  /** Whether weights in a file stay in memory mapped from it; by their size unless told. */
  readonly mapped?: boolean | undefined;
}

/**
 * A frozen vision transformer. Where its matrices lie as float32 in a file the runtime reads them from there; else it is
 * compiled as stretches of blocks that run one after the other, since a graph of a whole large one would exceed the 2 GB
 * of an ONNX file.
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
      const limit =
        options.stretchElements ?? (isPlaced(weights) ? Number.POSITIVE_INFINITY : STRETCH_ELEMENTS);
      for (const stretch of planStretches(transformer, Math.max(...blocks) + 1, limit)) {
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

/** Whether the matrices of the blocks lie in one file as the graph reads them. */
function isPlaced({ place }: TransformerWeights): boolean {
  return place?.("blocks.0.attn.qkv.weight") !== undefined;
}

function mapName(block: number): string {
  return `map-${block}`;
}

/** Parameters of a block. */
function blockElements(transformer: VisionTransformer): number {
  return transformerTensors(transformer)
    .filter(({ name }) => name.startsWith("blocks.0."))
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** The first `depth` blocks cut into stretches of about as many parameters as the limit. */
function planStretches(transformer: VisionTransformer, depth: number, limit: number): BlockStretch[] {
  const length = Math.max(1, Math.min(depth, Math.floor(limit / blockElements(transformer))));
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
  stretch: BlockStretch,
): Promise<GraphSession> {
  const { transformer, grid, batchSize, normalisation, device } = options;
  const { first, end, isLast } = stretch;
  const { patch, width, depth } = transformer;
  const { lookup, outside } = await stretchParameters(options, stretch, blocks);
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
  const mapped = options.mapped ?? depth * blockElements(transformer) >= MAPPED_ELEMENTS;
  return GraphSession.create(outputs, device, { outside, mapped: mapped && device.name === "cpu" });
}
