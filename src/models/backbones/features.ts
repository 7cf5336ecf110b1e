import { EpSamError } from "../../common/index.js";
import {
  type Device,
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  input,
  type Value,
} from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { ParameterSet } from "../../nn/index.js";
import type { StateDict } from "../weights/index.js";
import type { BackboneEntry, LevelStride } from "./entry.js";
import { hasHighFrequency } from "./table.js";

const imagesInput = "images";

/** A frozen backbone and the images that it is compiled for. */
export interface BackboneFeaturesOptions {
  readonly entry: BackboneEntry;
  readonly weights: StateDict;
  /** Size of the images in pixels; any, see {@link BackboneFeatures}. */
  readonly width: number;
  readonly height: number;
  /** Images of one run; 1 unless told. */
  readonly batchSize?: number | undefined;
  /** Strides of the levels that are wanted; all unless told. */
  readonly levels?: readonly LevelStride[] | undefined;
  readonly device?: Device | undefined;
}

/** The features of one image at one level. */
export interface FeatureMap {
  /** Image pixels between neighbouring cells. */
  readonly stride: number;
  readonly channels: number;
  readonly width: number;
  readonly height: number;
  /** [channels, height, width], row-major. */
  readonly data: Float32Array;
}

/**
 * A frozen backbone, compiled for one size of images with its weights bound. A level has ⌈width/stride⌉ × ⌈height/stride⌉
 * cells for any size: each convolution pads as its network's rule says, and nothing is resized or cropped.
 */
export class BackboneFeatures {
  readonly #options: BackboneFeaturesOptions;
  readonly #session: GraphSession;

  private constructor(options: BackboneFeaturesOptions, session: GraphSession) {
    this.#options = options;
    this.#session = session;
  }

  /**
   * Compiles the backbone.
   * @throws EpSamError `usage` when it has no such level, `weights` when a weight is absent, `shape` when one has
   *   another shape, `device` when the device cannot run it
   */
  static async create(options: BackboneFeaturesOptions): Promise<BackboneFeatures> {
    const { entry, weights, width, height, batchSize = 1 } = options;
    const strides = options.levels ?? entry.levels.map(({ stride }) => stride);
    const images = input(imagesInput, [batchSize, 3, height, width]);
    const features = entry.features(images, new ParameterSet(), {
      highFrequency: hasHighFrequency(entry, weights),
    });
    const outputs: Record<string, Value> = {};
    for (const stride of strides) outputs[stride] = features[stride] ?? missingLevel(entry, stride);
    const session = await GraphSession.create(outputs, options.device ?? device(), { bind: weights });
    const unbound = [...session.inputs.keys()].filter((name) => name !== imagesInput);
    if (unbound.length === 0) return new BackboneFeatures(options, session);
    await session.close();
    throw new EpSamError("weights", { what: `lacks ${unbound.join(", ")}`, where: entry.name });
  }

  /** The features of images of the size it was compiled for, finest level first; as many images as one run has, or fewer. */
  async compute(images: readonly RgbImage[]): Promise<readonly (readonly FeatureMap[])[]> {
    const { width, height, batchSize = 1 } = this.#options;
    if (images.length > batchSize) {
      throw new EpSamError("shape", {
        what: `has ${images.length} images, but was compiled for ${batchSize}`,
        where: `features of ${this.#options.entry.name}`,
      });
    }
    const batch = floatTensor([batchSize, 3, height, width]);
    images.forEach((image, index) => {
      if (image.width !== width || image.height !== height) {
        throw new EpSamError("shape", {
          what: `image ${index} is ${image.width}×${image.height}, but the graph is for ${width}×${height}`,
          where: `features of ${this.#options.entry.name}`,
        });
      }
      writeColours(image, batch.data, index * 3 * width * height);
    });
    const results = await this.#session.run({ [imagesInput]: batch });
    return images.map((_, index) =>
      this.#options.entry.levels
        .filter(({ stride }) => results[stride] !== undefined)
        .map(({ stride, channels }) => {
          const shape = this.#session.outputs.get(`${stride}`)?.shape ?? [];
          const [rows = 0, columns = 0] = shape.slice(2);
          const size = channels * rows * columns;
          const data = floatsOf(results, `${stride}`).slice(index * size, (index + 1) * size);
          return { stride, channels, width: columns, height: rows, data };
        }),
    );
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

function missingLevel({ name, levels }: BackboneEntry, stride: LevelStride): never {
  throw new EpSamError("usage", {
    what: `has no level of stride ${stride}`,
    where: name,
    action: `Choose among ${levels.map((level) => level.stride).join(", ")}.`,
  });
}

/** Images of one size as a backbone's graph takes them: colours from 0 to 255, [N, 3, H, W]. */
export function colourPlanes(images: readonly RgbImage[]): FloatTensor {
  const [first] = images;
  const { width, height } = first ?? { width: 0, height: 0 };
  const planes = floatTensor([images.length, 3, height, width]);
  images.forEach((image, index) => {
    if (image.width !== width || image.height !== height) {
      throw new EpSamError("shape", {
        what: `image ${index} is ${image.width}×${image.height}, the first ${width}×${height}`,
        where: "colourPlanes",
      });
    }
    writeColours(image, planes.data, index * 3 * width * height);
  });
  return planes;
}

/** Red, green and blue planes with values from 0 to 255. */
function writeColours({ width, height, data }: RgbImage, target: Float32Array, start: number): void {
  const pixels = width * height;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      target[start + channel * pixels + pixel] = data[pixel * 3 + channel] ?? 0;
    }
  }
}
