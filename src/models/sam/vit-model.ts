import {
  type Device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  type HostTensor,
} from "../../graph/index.js";
import { frozenParameters } from "../../nn/index.js";
import { readFloatTensor, type StoredTensor } from "../weights/index.js";
import { type NamedShapes, PATCH_SIZE, requireVitTensors, type VitArchitecture } from "./vit-architecture.js";
import { planStretches, type Stretch, stretchGraph, stretchInput, stretchOutput } from "./vit-graph.js";

/** Named tensors that are read when they are needed, such as an open weight file. */
export interface TensorSource {
  /** Where they come from, for messages. */
  readonly path: string;
  readonly tensors: NamedShapes;
  /** @throws EpSamError `weights` when the tensor cannot be read */
  read(name: string): Promise<StoredTensor>;
}

/** Parameters of a stretch at most: a quarter of a gigabyte of float32. */
const STRETCH_ELEMENTS = 2 ** 26;

/** A compiled image encoder: stretches of blocks that run one after the other. */
export class VitModel {
  readonly #architecture: VitArchitecture;
  readonly #sessions: readonly GraphSession[];

  private constructor(architecture: VitArchitecture, sessions: readonly GraphSession[]) {
    this.#architecture = architecture;
    this.#sessions = sessions;
  }

  /**
   * Reads the weights and compiles the encoder.
   * @param weights holds `image_encoder.…` by the names of the original state dict; other tensors are left alone
   * @throws EpSamError `weights` listing tensors that are missing, surplus or of another shape; `device` when the
   *   device cannot run it
   */
  static async create(
    architecture: VitArchitecture,
    weights: TensorSource,
    device: Device,
    { stretchElements = STRETCH_ELEMENTS }: { readonly stretchElements?: number } = {},
  ): Promise<VitModel> {
    requireVitTensors(architecture, weights.tensors, { file: weights.path });
    const sessions: GraphSession[] = [];
    try {
      for (const stretch of planStretches(architecture, stretchElements)) {
        sessions.push(await compileStretch(architecture, stretch, weights, device));
      }
    } catch (cause) {
      await Promise.all(sessions.map((session) => session.close()));
      throw cause;
    }
    return new VitModel(architecture, sessions);
  }

  /**
   * The embedding [outputs, grid, grid] of one image.
   * @param image [3, 16 · grid, 16 · grid], normalised, row-major
   */
  async run(image: Float32Array): Promise<Float32Array> {
    const side = this.#architecture.gridSize * PATCH_SIZE;
    let tensor: HostTensor = floatTensor([1, 3, side, side], image);
    for (const session of this.#sessions) {
      const results = await session.run({ [stretchInput]: tensor });
      const [output] = session.outputs.values();
      tensor = floatTensor(output?.shape ?? [], floatsOf(results, stretchOutput));
    }
    return tensor.data;
  }

  /** Frees the compiled graphs. */
  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}

async function compileStretch(
  architecture: VitArchitecture,
  stretch: Stretch,
  source: TensorSource,
  device: Device,
): Promise<GraphSession> {
  const weights = new Map<string, FloatTensor>();
  for (const name of stretch.names) weights.set(name, await readFloatTensor(source, name));
  const output = stretchGraph(architecture, stretch, frozenParameters(weights), source.tensors);
  return GraphSession.create({ [stretchOutput]: output }, device);
}
