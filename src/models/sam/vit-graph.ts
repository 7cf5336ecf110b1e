import { elementCount, input, type Shape, type Value } from "../../graph/index.js";
import { lookupWithin, type ParameterLookup } from "../../nn/index.js";
import {
  attentionSide,
  ENCODER_PREFIX,
  encoderTensor,
  type NamedShapes,
  PATCH_SIZE,
  type VitArchitecture,
  vitTensors,
} from "./vit-architecture.js";
import { embedPatches, neck, transformerBlock } from "./vit-blocks.js";

/** Some of the encoder's blocks in a row; the first stretch has the patch embedding too, the last the neck. */
export interface Stretch {
  readonly firstBlock: number;
  /** One past the last block. */
  readonly endBlock: number;
  /** Names of the parameters, as in the state dict. */
  readonly names: readonly string[];
}

/** Input and output name of a stretch's graph. */
export const stretchInput = "input";
export const stretchOutput = "output";

/**
 * The encoder cut into stretches of about as many parameters as the limit: a graph of all of ViT-H would exceed the
 * 2 GB of an ONNX file, and while one stretch is compiled its weights exist several times.
 * @param limit elements of a stretch's parameters; a single block may have more
 */
export function planStretches(architecture: VitArchitecture, limit: number): Stretch[] {
  const { depth } = architecture;
  const tensors = vitTensors(architecture);
  const sizeOf = (block: number) =>
    tensors
      .filter(({ name }) => blockOf(name) === block)
      .reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const stretches: Stretch[] = [];
  let [firstBlock, size] = [0, 0];
  for (let block = 0; block < depth; block++) {
    const own = sizeOf(block);
    if (size > 0 && size + own > limit) {
      stretches.push({ firstBlock, endBlock: block, names: [] });
      [firstBlock, size] = [block, 0];
    }
    size += own;
  }
  stretches.push({ firstBlock, endBlock: depth, names: [] });
  return stretches.map(({ firstBlock, endBlock }) => {
    const names = tensors
      .map(({ name }) => name)
      .filter((name) => belongs(name, firstBlock, endBlock, depth));
    return { firstBlock, endBlock, names };
  });
}

function blockOf(name: string): number | undefined {
  const index = /^image_encoder\.blocks\.(\d+)\./.exec(name)?.[1];
  return index === undefined ? undefined : Number(index);
}

function belongs(name: string, firstBlock: number, endBlock: number, depth: number): boolean {
  const block = blockOf(name);
  if (block !== undefined) return block >= firstBlock && block < endBlock;
  return name.startsWith(encoderTensor("neck.")) ? endBlock === depth : firstBlock === 0;
}

/**
 * The graph of a stretch, from the input {@link stretchInput}: an image [1, 3, 16 · grid, 16 · grid] for the first,
 * else tokens [1, grid, grid, width]. The last gives the embedding [1, outputs, grid, grid], the others tokens.
 * @param parameters gives the parameters by state-dict name
 * @param shapes shapes of the state dict, for the lengths of the tables of relative positions
 */
export function stretchGraph(
  architecture: VitArchitecture,
  { firstBlock, endBlock }: Pick<Stretch, "firstBlock" | "endBlock">,
  parameters: ParameterLookup,
  shapes: NamedShapes,
): Value {
  const { gridSize, width, depth, heads, globalBlocks, windowSize } = architecture;
  const own = lookupWithin(parameters, ENCODER_PREFIX);
  const side = gridSize * PATCH_SIZE;
  const tokens: Shape = [1, gridSize, gridSize, width];
  let x =
    firstBlock === 0
      ? embedPatches(own, input(stretchInput, [1, 3, side, side]), architecture)
      : input(stretchInput, tokens);
  for (let block = firstBlock; block < endBlock; block++) {
    const length = (name: string) =>
      shapes.get(encoderTensor(`blocks.${block}.attn.${name}`))?.shape[0] ??
      2 * attentionSide(architecture, block) - 1;
    x = transformerBlock(lookupWithin(own, `blocks.${block}`), x, {
      heads,
      windowSize: globalBlocks.includes(block) ? undefined : windowSize,
      lengths: [length("rel_pos_h"), length("rel_pos_w")],
    });
  }
  return endBlock === depth ? neck(own, x, architecture) : x;
}
