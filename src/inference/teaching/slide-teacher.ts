import { EpSamError, RandomStream, RecentlyUsed } from "../../common/index.js";
import { type LabelledSquare, type PatchGeometry, patchGeometry } from "../../dataset/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { applyDihedral } from "../../imaging/index.js";
import {
  BackboneFeatures,
  type FeatureMap,
  type JoinedFeatures,
  joinFeatures,
  type StateDict,
} from "../../models/index.js";
import { denseOptions } from "../../run/index.js";
import type { PixelSource } from "../../slides/index.js";
import { adaptPyramid } from "../adaptation/adapt-pyramid.js";
import { type KnownPart, readParts, type SlideParts } from "../adaptation/known-parts.js";
import { teachHead } from "../adaptation/teach-head.js";
import { type MapPlace, SeenTiles, TILE_SIDE } from "./seen-tiles.js";
import { MAP_STEP, MIRRORED, TaughtModel, type ViewCount } from "./taught-model.js";
import { levelsSeen, noiseOf, TAUGHT_PATCH_SIZE, type TeachingBase } from "./teaching-base.js";

/** Side of usual squares in pixels. */
const SQUARE_SIDE = 112;

/** Bytes of images of squares, whose features are about four times as large. */
const PART_BYTES = 48 * 2 ** 20;
/**
 * Parts that tell with the squares what features are standardised by. With 24, as adapting a decoder takes, the mean IoU of
 * two breast regions is the same to 0.002.
 */
const OTHERS = 12;
/** Taught models that are kept: what was undone may be done again. */
const MODELS = 4;

/** Probabilities of tumour in a tile of the map. */
export interface MapTile {
  readonly width: number;
  readonly height: number;
  /** 0 to 255 for 0 to 1. */
  readonly data: Uint8Array;
}

/**
 * Teaches a base with squares of one slide, and makes maps of places there. The backbone's features of what was seen
 * are kept, so that each further square costs the head alone.
 */
export class SlideTeacher {
  readonly geometry: PatchGeometry;
  /** In pixels of patches. */
  readonly extent: { readonly width: number; readonly height: number };
  readonly #source: PixelSource;
  readonly #base: TeachingBase;
  /** By the size that they are compiled for. */
  readonly #backbones = new Map<string, Promise<BackboneFeatures>>();
  readonly #tiles: SeenTiles;
  readonly #parts = new RecentlyUsed<string, RgbImage>({
    limit: PART_BYTES,
    sizeOf: ({ data }) => data.byteLength,
  });
  #common: Promise<void> | undefined;
  readonly #mirrored = new WeakMap<RgbImage, RgbImage>();
  readonly #partFeatures = new WeakMap<RgbImage, readonly FeatureMap[]>();
  readonly #joinedFeatures = new WeakMap<RgbImage, JoinedFeatures>();
  readonly #models = new RecentlyUsed<string, TaughtModel>({
    limit: MODELS,
    onLeave: (model) => void model.close(),
  });

  /**
   * @param source stays open as long as this is used
   * @param mpp microns per pixel of full resolution where the slide tells none
   * @throws EpSamError `slide` when the slide cannot be read at the base's resolution
   */
  constructor(source: PixelSource, base: TeachingBase, mpp?: number) {
    this.#source = source;
    this.#base = base;
    this.geometry = geometryFor(source, base, mpp);
    const [full] = source.levels;
    const { x, y } = this.geometry.pixelSize;
    this.extent = { width: Math.floor((full?.width ?? 0) / x), height: Math.floor((full?.height ?? 0) / y) };
    const { geometry, extent } = this;
    const features = async (image: RgbImage) => joinFeatures(await this.#features(image));
    this.#tiles = new SeenTiles({ source, geometry, extent, features });
  }

  /**
   * The model that squares teach; squares in the same order give the same bytes.
   * @throws EpSamError `usage` without squares of both labels
   */
  teach(squares: readonly LabelledSquare[], signal?: AbortSignal): Promise<TaughtModel> {
    return this.#models.load(JSON.stringify(squares), async () => {
      const weights = await this.weightsFor(squares, signal);
      return new TaughtModel(this.#base, weights);
    });
  }

  /** As {@link teach}, the weights alone: of a head, or of a whole decoder. */
  async weightsFor(squares: readonly LabelledSquare[], signal?: AbortSignal): Promise<StateDict> {
    const { origin, config, entry, device } = this.#base;
    const { seed } = config;
    const found = await this.#readParts(squares, signal);
    if (found.parts.length < 1) {
      throw new EpSamError("usage", {
        where: this.#source.path,
        what: "none of the squares lies on the slide",
      });
    }
    const features = (image: RgbImage) => this.#featuresOfPart(image);
    if (origin !== null) {
      const { weights } = origin;
      return (await adaptPyramid({ ...found, weights, entry, seed, device, signal, features })).weights;
    }
    const parts: { part: (typeof found.parts)[number]; features: JoinedFeatures }[] = [];
    for (const part of [...found.parts, ...found.parts.map((part) => this.#mirroredPart(part))]) {
      parts.push({ part, features: await this.#joinedOfPart(part.image) });
    }
    const others: JoinedFeatures[] = [];
    for (const { image } of found.others) others.push(await this.#joinedOfPart(image));
    const lesson = {
      options: denseOptions(config, false),
      head: this.#base.head,
      noise: noiseOf(this.#base),
      parts,
      others,
      seed,
      signal,
    };
    return teachHead({ ...lesson, device: this.#base.headDevice });
  }

  /** Computes a tile's features in one view or in both, and those of the parts that every lesson sees, where they are not kept. */
  async prepare(place: MapPlace, views: ViewCount): Promise<void> {
    await this.#tiles.see(place, views);
    this.#common ??= this.#prepareCommon();
    await this.#common;
  }

  /** Computes the features of squares that are likely to teach, whatever they are said to be, where they are not kept. */
  async prepareSquares(squares: readonly Omit<LabelledSquare, "tumour">[]): Promise<void> {
    const { parts } = await this.#readParts(squares.map((square) => ({ ...square, tumour: 1 })));
    for (const part of parts) {
      await this.#see(part.image);
      if (this.#base.origin === null) await this.#see(this.#mirroredPart(part).image);
    }
  }

  /** Which parts are drawn beside squares depends on their size alone: here for usual ones. */
  async #prepareCommon(): Promise<void> {
    const size = SQUARE_SIDE * this.geometry.pixelSize.x;
    const { others } = await this.#readParts([{ x: 0, y: 0, size, tumour: 1 }]);
    for (const { image } of others) await this.#see(image);
  }

  #readParts(squares: readonly LabelledSquare[], signal?: AbortSignal): Promise<SlideParts> {
    const stream = new RandomStream(this.#base.config.seed, "adaptation", "parts");
    const others = this.#base.origin === null ? { others: OTHERS } : {};
    return readParts(this.#source, squares, this.geometry, { stream, signal, kept: this.#parts, ...others });
  }

  /**
   * The map of a tile that squares teach, cut at the slide's border.
   * @param views in which it is judged: one is a draft, in half the time
   */
  async map(squares: readonly LabelledSquare[], place: MapPlace, views: ViewCount): Promise<MapTile> {
    const { column, row } = place;
    const model = await this.teach(squares);
    const { left, top, ...seen } = await this.#tiles.see(place, views);
    const whole = await model.map(seen);
    const along = (extent: number, at: number) =>
      Math.ceil(Math.max(0, Math.min(TILE_SIDE, extent - at * TILE_SIDE)) / MAP_STEP);
    const [width, height] = [along(this.extent.width, column), along(this.extent.height, row)];
    const data = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      const from = (y + top / MAP_STEP) * whole.width + left / MAP_STEP;
      for (let x = 0; x < width; x++) data[y * width + x] = Math.round(255 * (whole.data[from + x] ?? 0));
    }
    return { width, height, data };
  }

  /** Frees the models; the slide stays open. */
  async close(): Promise<void> {
    this.#models.clear();
    const opened = await Promise.all(this.#backbones.values());
    await Promise.all(opened.map((backbone) => backbone.close()));
  }

  #mirroredPart({ image, known, tumour }: KnownPart): KnownPart {
    const mirrored = this.#mirrored.get(image) ?? applyDihedral(image, MIRRORED);
    this.#mirrored.set(image, mirrored);
    return { image: mirrored, known: { ...known, left: image.width - known.left - known.side }, tumour };
  }

  /** Computes what a lesson asks of a part: a decoder wants its levels, a head wants them joined. */
  async #see(image: RgbImage): Promise<void> {
    await (this.#base.origin === null ? this.#joinedOfPart(image) : this.#featuresOfPart(image));
  }

  async #featuresOfPart(image: RgbImage): Promise<readonly FeatureMap[]> {
    const known = this.#partFeatures.get(image) ?? (await this.#features(image));
    this.#partFeatures.set(image, known);
    return known;
  }

  async #joinedOfPart(image: RgbImage): Promise<JoinedFeatures> {
    const known = this.#joinedFeatures.get(image) ?? joinFeatures(await this.#features(image));
    this.#joinedFeatures.set(image, known);
    return known;
  }

  async #features(image: RgbImage): Promise<readonly FeatureMap[]> {
    const { entry, backboneWeights: weights, device } = this.#base;
    const { width, height } = image;
    const key = `${width}x${height}`;
    const opened =
      this.#backbones.get(key) ??
      BackboneFeatures.create({ entry, weights, width, height, levels: levelsSeen(this.#base), device });
    this.#backbones.set(key, opened);
    const [maps = []] = await (await opened).compute([image]);
    return maps;
  }
}

function geometryFor(source: PixelSource, { resolution, origin }: TeachingBase, mpp?: number): PatchGeometry {
  const told = source.micronsPerPixel ?? (mpp === undefined ? null : { x: mpp, y: mpp });
  const mean = told === null ? null : Math.sqrt(told.x * told.y);
  // A new head knows no resolution yet: what tells none is read as it is.
  const wanted = origin === null && told === null ? { level: 0 } : resolution;
  const isotropic = mean === null ? null : { x: mean, y: mean };
  const found = patchGeometry(source, wanted, isotropic, TAUGHT_PATCH_SIZE);
  if ("accepted" in found) return found.accepted;
  throw new EpSamError("slide", { where: source.path, what: found.refused });
}
