import { EpSamError, must } from "../../common/index.js";
import { floatsOf, floatTensor, GraphSession, type HostTensors } from "../../graph/index.js";
import { type FloatMap, invertDihedral, resizeFloatMap } from "../../imaging/index.js";
import { denseTensors, probabilitiesOf } from "../../method/index.js";
import {
  denseClassifierGraph,
  denseFeaturesInput,
  type FeatureLevelSizes,
  type FeatureMap,
  type JoinedFeatures,
  joinedShape,
  levelsOf,
  pyramidGraph,
  type StateDict,
  standardisationInputs,
  standardisationShape,
} from "../../models/index.js";
import { denseOptions } from "../../run/index.js";
import { featureFeeds, standardisedLevels } from "../adaptation/adapt-pyramid.js";
import type { TeachingBase } from "./teaching-base.js";

/** Pixels along each side of a pixel of the map. */
export const MAP_STEP = 4;

/** The variant of the dihedral group that mirrors left and right. */
export const MIRRORED = 4;
/** Pixels to the right and below by which the second view of a place lies: half of what its cells are apart. */
export const VIEW_SHIFT = 8;

/** The features of a place. */
export interface SeenFeatures {
  /** By level, for a decoder. */
  readonly features: readonly FeatureMap[];
  /**
   * For a head: as it is, and mirrored and shifted by {@link VIEW_SHIFT}. Judged in both, which lie between each other's
   * cells, a place gained 0.02 of mean IoU on the breast regions that this was tried on.
   */
  readonly views: readonly JoinedFeatures[];
}

/** A head or a decoder that squares have taught, compiled for places of one size. */
export class TaughtModel {
  readonly #session: GraphSession;
  readonly #side: number;
  readonly #weights: StateDict;
  /** Of a decoder; null for a head. */
  readonly #levels: FeatureLevelSizes | null;

  private constructor(
    session: GraphSession,
    side: number,
    weights: StateDict,
    levels: FeatureLevelSizes | null,
  ) {
    this.#session = session;
    this.#side = side;
    this.#weights = weights;
    this.#levels = levels;
  }

  /** @param side of the places in pixels */
  static async create(
    { origin, config, entry, device, headDevice }: TeachingBase,
    weights: StateDict,
    side: number,
  ): Promise<TaughtModel> {
    const size = { width: side, height: side };
    const levels = origin === null ? null : levelsOf(entry, size);
    const own = levels === null ? "head." : "pyramid.";
    const bind = new Map([...weights].filter(([name]) => name.startsWith(own)));
    const map =
      levels === null
        ? denseClassifierGraph(denseOptions(config, false), {
            batchSize: 1,
            ...joinedShape(entry.levels, size),
          }).map
        : pyramidGraph(1, levels, { width: 1, height: 1 }).fine;
    return new TaughtModel(
      await GraphSession.create({ map }, origin === null ? headDevice : device, { bind }),
      side,
      weights,
      levels,
    );
  }

  /** Probabilities of tumour of a place, a pixel for each four along a side. */
  async map({ features, views }: SeenFeatures): Promise<FloatMap> {
    if (this.#levels !== null) {
      const seen = standardisedLevels(features, this.#weights);
      return probabilitiesOf(await this.#logits(featureFeeds([seen], this.#levels)));
    }
    const [plain, other] = views;
    if (plain === undefined || other === undefined) {
      throw new EpSamError("internal", { what: "a head was not given both views of a place" });
    }
    const one = await this.#logits(this.#feedsOf(plain));
    const two = invertDihedral(await this.#logits(this.#feedsOf(other)), MIRRORED);
    const shift = VIEW_SHIFT / MAP_STEP;
    const data = one.data.map((logit, at) => {
      const [x, y] = [(at % one.width) - shift, Math.floor(at / one.width) - shift];
      return x < 0 || y < 0 ? logit : (logit + (two.data[y * two.width + x] ?? logit)) / 2;
    });
    return probabilitiesOf({ ...one, data });
  }

  async #logits(feeds: HostTensors): Promise<FloatMap> {
    const data = floatsOf(await this.#session.run(feeds), "map");
    const cells = Math.sqrt(data.length);
    const side = this.#side / MAP_STEP;
    return resizeFloatMap({ width: cells, height: cells, data }, side, side);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #feedsOf({ channels, width, height, data }: JoinedFeatures): HostTensors {
    const tensor = (name: string) =>
      floatTensor(standardisationShape(1, channels), must(this.#weights, name, "a head's tensors").data);
    return {
      [denseFeaturesInput]: floatTensor([1, channels, height, width], data),
      [standardisationInputs.mean]: tensor(denseTensors.mean),
      [standardisationInputs.scale]: tensor(denseTensors.scale),
    };
  }
}
