import { elementCount, floatTensor, type Shape } from "../../src/graph/index.js";
import {
  type NamedShapes,
  type TensorSource,
  type VitArchitecture,
  vitTensors,
} from "../../src/models/index.js";
import { deterministicUniform } from "./deterministic-fill.js";

/** Rows of the tables of relative positions when they are not those that the blocks need. */
export interface TableLengths {
  readonly window: number;
  readonly global: number;
}

/**
 * SAM image encoder weights that depend on their names alone, the same as those of `vit_reference.py`, computed when
 * they are read.
 */
export function deterministicVit(architecture: VitArchitecture, lengths?: TableLengths): TensorSource {
  const tensors = new Map(
    vitTensors(architecture, tableShapes(architecture, lengths)).map(({ name, shape }) => [name, { shape }]),
  );
  return {
    path: "deterministic weights",
    tensors,
    read: async (name) => {
      const shape = tensors.get(name)?.shape;
      if (shape === undefined) throw new RangeError(`there is no ${name}`);
      return floatTensor(shape, values(name, shape));
    },
  };
}

/** The normalised image [3, side, side] that goes with a model's name. */
export function deterministicImage(name: string, { gridSize }: VitArchitecture): Float32Array {
  const side = 16 * gridSize;
  return deterministicUniform(`vit/${name}/image`, 3 * side * side, -2, 2);
}

function tableShapes(architecture: VitArchitecture, lengths: TableLengths | undefined): NamedShapes {
  if (lengths === undefined) return new Map();
  const { depth, globalBlocks } = architecture;
  return new Map(
    Array.from({ length: depth }, (_, block) => block).flatMap((block) => {
      const shape = [globalBlocks.includes(block) ? lengths.global : lengths.window];
      return ["rel_pos_h", "rel_pos_w"].map((table) => [
        `image_encoder.blocks.${block}.attn.${table}`,
        { shape },
      ]);
    }),
  );
}

function values(name: string, shape: Shape): Float32Array {
  const fill = (low: number, high: number) => deterministicUniform(name, elementCount(shape), low, high);
  if (name.endsWith("pos_embed") || name.includes(".rel_pos_")) return fill(-0.5, 0.5);
  if (shape.length === 1) return name.endsWith("weight") ? fill(0.5, 1.5) : fill(-0.1, 0.1);
  const [outputs = 1, inputs = 1, ...kernel] = shape;
  const limit = Math.sqrt(6 / ((outputs + inputs) * elementCount(kernel)));
  return fill(-limit, limit);
}
