import { EpSamError } from "../../common/index.js";
import type { Device, FloatTensor } from "../../graph/index.js";
import { type RgbImage, reflectPadded, resizeRgb } from "../../imaging/index.js";
import { colourPlanes, type FeatureMap } from "../backbones/index.js";
import { openModelWeights } from "../checkpoints/model-weights.js";
import { type Crop, cropsAlong } from "./crops.js";
import { firstNotFinite } from "./finite.js";
import { type FoundationModel, foundationWeights, requireImportedWeights } from "./foundation-file.js";
import { OnnxEncoder } from "./onnx-encoder.js";
import { TransformerModel } from "./transformer-model.js";
import { transformerWeights } from "./transformer-names.js";

/** Crops that are shown to a model in one run. */
const CROPS_AT_ONCE = 8;

/** Patches of one crop that are shown in one run where there are many; on a CPU neither faster nor slower than one. */
const PATCHES_AT_ONCE = 4;

/** A model that makes maps of tokens of images of one size. */
export interface TokenEncoder {
  /** @param images colours from 0 to 255, [N, 3, side, side] @returns [N, channels, cells, cells] */
  run(images: FloatTensor): Promise<Float32Array>;
  close(): Promise<void>;
}

/** How square patches are shown to a foundation model. */
export interface FoundationView {
  /** Cells along a side of the map; a patch is resized to this many tokens. */
  readonly cells: number;
  /** Cells along a side of what is shown at once. */
  readonly own: number;
}

/**
 * How many cells a patch has, so that the model sees the resolution it was made for.
 * @param side of the patch in pixels
 * @param micronsPerPixel of the patch; null where it is not known, and then it is shown as it is
 * @throws EpSamError `shape` when the patch is smaller than a token
 */
export function foundationView(
  model: FoundationModel,
  side: number,
  micronsPerPixel: number | null,
): FoundationView {
  const factor =
    micronsPerPixel === null || model.micronsPerPixel === null ? 1 : micronsPerPixel / model.micronsPerPixel;
  if (side * factor >= model.stride) {
    const cells = Math.round((side * factor) / model.stride);
    const own = Math.floor(model.size / model.stride);
    const isFixed = model.onnx !== undefined || model.largePatches === "crops";
    return { cells, own: isFixed ? own : cells };
  }
  throw new EpSamError("shape", {
    what: `a patch of ${side} pixels is smaller than a token`,
    where: model.name,
    why: `it is ${(Math.floor(side * factor * 10) / 10).toFixed(1)} pixels wide at the model's resolution, and a token ${model.stride}`,
    action: "Prepare larger patches.",
  });
}

/** How many patches are shown to a model in one run where there are many. */
export function patchesAtOnce({ onnx }: FoundationModel, { cells, own }: FoundationView): number {
  return cropsAlong(cells, own).length > 1 ? 1 : (onnx?.batch ?? PATCHES_AT_ONCE);
}

/** A frozen foundation model, compiled for square patches of one size. */
export class FoundationFeatures {
  readonly #model: FoundationModel;
  readonly #view: FoundationView;
  readonly #encoder: TokenEncoder;
  readonly #batchSize: number;

  private constructor(
    model: FoundationModel,
    view: FoundationView,
    encoder: TokenEncoder,
    batchSize: number,
  ) {
    this.#model = model;
    this.#view = view;
    this.#encoder = encoder;
    this.#batchSize = batchSize;
  }

  /**
   * Opens the model.
   * @param patches that are shown at once; a batch is always as large, so that features do not depend on what is beside
   * @throws EpSamError `weights` when its weights are gone or have changed, `device` when the device cannot run it
   */
  static async create(
    model: FoundationModel,
    view: FoundationView,
    device: Device,
    patches = 1,
  ): Promise<FoundationFeatures> {
    await requireImportedWeights(model);
    const shown = shownCells(model, view);
    const crops = patches * cropsAlong(view.cells, view.own).length ** 2;
    const batchSize = model.onnx?.batch ?? Math.min(crops, CROPS_AT_ONCE);
    const encoder =
      model.onnx === undefined
        ? await openTransformer(model, shown, batchSize, device)
        : await OnnxEncoder.open(model, batchSize, device);
    return new FoundationFeatures(model, view, encoder, batchSize);
  }

  /**
   * The features of a patch, which is resized to the model's resolution.
   * @throws EpSamError `weights` when the model gives numbers that are not finite
   */
  async get(image: RgbImage): Promise<FeatureMap> {
    const [features] = await this.getAll([image]);
    if (features !== undefined) return features;
    throw new EpSamError("internal", { what: "gave no features", where: this.#model.name });
  }

  /** As {@link get}, of several patches. */
  async getAll(images: readonly RgbImage[]): Promise<FeatureMap[]> {
    const { cells, own } = this.#view;
    const { stride, channels } = this.#model;
    const shown = shownCells(this.#model, this.#view);
    const along = cropsAlong(cells, own);
    const maps = images.map((image) => ({
      full: this.#sized(image, shown),
      data: new Float32Array(channels * cells * cells),
    }));
    const crops = maps.flatMap((map) =>
      along.flatMap((down) => along.map((across) => ({ ...map, down, across }))),
    );
    for (let first = 0; first < crops.length; first += this.#batchSize) {
      const batch = crops.slice(first, first + this.#batchSize);
      const cuts = batch.map(({ full, down, across }) =>
        cut(full, across.start * stride, down.start * stride, shown * stride),
      );
      // The last batch is filled up: the model is compiled for whole ones.
      for (const [cut] = cuts; cut !== undefined && cuts.length < this.#batchSize; ) cuts.push(cut);
      const found = await this.#encoder.run(colourPlanes(cuts));
      batch.forEach(({ data, ...crop }, index) => {
        place(found, index, crop, { data, cells, shown, channels });
      });
    }
    return maps.map(({ data }) => {
      this.#requireFinite(data);
      return { stride, channels, width: cells, height: cells, data };
    });
  }

  /** A patch at the model's resolution, padded to what is shown at once. */
  #sized(image: RgbImage, shown: number): RgbImage {
    const { stride } = this.#model;
    const side = this.#view.cells * stride;
    const isSized = image.width === side && image.height === side;
    const sized = isSized ? image : resizeRgb(image, side, side, "bicubic");
    return shown * stride > side ? reflectPadded(sized, shown * stride, shown * stride) : sized;
  }

  #requireFinite(data: Float32Array): void {
    const wrong = firstNotFinite(data);
    if (wrong === undefined) return;
    throw new EpSamError("weights", {
      what: "gives features that are not finite numbers",
      where: this.#model.name,
      why: `channel ${Math.floor(wrong / this.#view.cells ** 2)} is ${data[wrong]}`,
      action: "The weights are damaged, or do not belong to this architecture; import the model again.",
    });
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.#encoder.close();
  }
}

/** An ONNX file has images of one size. */
function shownCells({ onnx }: FoundationModel, { cells, own }: FoundationView): number {
  return onnx === undefined ? Math.min(cells, own) : own;
}

async function openTransformer(
  model: FoundationModel,
  cells: number,
  batchSize: number,
  device: Device,
): Promise<TokenEncoder> {
  const { transformer, mean, deviation, blocks } = model;
  if (transformer === undefined) {
    throw new EpSamError("internal", { what: "has no architecture", where: model.file });
  }
  const file = await openModelWeights(foundationWeights(model));
  try {
    const compiled = await TransformerModel.create({
      transformer,
      weights: transformerWeights(file),
      grid: { rows: cells, columns: cells },
      batchSize,
      normalisation: { mean: times255(mean), deviation: times255(deviation) },
      blocks,
      device,
    });
    return {
      run: async (images) => joinBlocks(await compiled.run(images), batchSize),
      close: () => compiled.close(),
    };
  } finally {
    await file.close();
  }
}

function times255([red, green, blue]: readonly [number, number, number]): [number, number, number] {
  return [red * 255, green * 255, blue * 255];
}

/** Maps of blocks, [N, width, …] each, as channels of one: [N, blocks · width, …]. */
function joinBlocks(maps: readonly Float32Array[], images: number): Float32Array {
  const [first = new Float32Array()] = maps;
  if (maps.length === 1) return first;
  const size = first.length / images;
  const joined = new Float32Array(first.length * maps.length);
  maps.forEach((map, block) => {
    for (let image = 0; image < images; image++) {
      joined.set(map.subarray(image * size, (image + 1) * size), (image * maps.length + block) * size);
    }
  });
  return joined;
}

function cut({ width, height, data }: RgbImage, left: number, top: number, side: number): RgbImage {
  if (width === side && height === side) return { width, height, data };
  const result = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const start = ((top + row) * width + left) * 3;
    result.set(data.subarray(start, start + side * 3), row * side * 3);
  }
  return { width: side, height: side, data: result };
}

/** Writes the taken cells of one crop's map into the patch's. */
function place(
  maps: Float32Array,
  index: number,
  { down, across }: { readonly down: Crop; readonly across: Crop },
  { data, cells, shown, channels }: { data: Float32Array; cells: number; shown: number; channels: number },
): void {
  for (let channel = 0; channel < channels; channel++) {
    const plane = (index * channels + channel) * shown * shown;
    for (let row = down.from; row < down.to; row++) {
      const start = plane + (row - down.start) * shown - across.start;
      const target = (channel * cells + row) * cells;
      data.set(maps.subarray(start + across.from, start + across.to), target + across.from);
    }
  }
}
