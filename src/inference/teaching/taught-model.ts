import { EpSamError, must } from "../../common/index.js";
import { floatsOf, floatTensor, GraphSession, type HostTensors } from "../../graph/index.js";
import { type FloatMap, resizeFloatMap } from "../../imaging/index.js";
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

/** The features of a place: joined for a new head, by level for a decoder. */
export interface SeenFeatures {
  readonly features: readonly FeatureMap[];
  readonly joined: JoinedFeatures | null;
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
        ? denseClassifierGraph(denseOptions(config), { batchSize: 1, ...joinedShape(entry.levels, size) }).map
        : pyramidGraph(1, levels, { width: 1, height: 1 }).fine;
    return new TaughtModel(
      await GraphSession.create({ map }, origin === null ? headDevice : device, { bind }),
      side,
      weights,
      levels,
    );
  }

  /** Probabilities of tumour of a place, a pixel for each four along a side. */
  async map(seen: SeenFeatures): Promise<FloatMap> {
    const logits = floatsOf(await this.#session.run(this.#feedsOf(seen)), "map");
    const cells = Math.sqrt(logits.length);
    const side = this.#side / MAP_STEP;
    return probabilitiesOf(resizeFloatMap({ width: cells, height: cells, data: logits }, side, side));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #feedsOf({ features, joined }: SeenFeatures): HostTensors {
    if (this.#levels !== null)
      return featureFeeds([standardisedLevels(features, this.#weights)], this.#levels);
    if (joined === null) throw new EpSamError("internal", { what: "a head was given no joined features" });
    const { channels, width, height, data } = joined;
    const tensor = (name: string) =>
      floatTensor(standardisationShape(1, channels), must(this.#weights, name, "a head's tensors").data);
    return {
      [denseFeaturesInput]: floatTensor([1, channels, height, width], data),
      [standardisationInputs.mean]: tensor(denseTensors.mean),
      [standardisationInputs.scale]: tensor(denseTensors.scale),
    };
  }
}
