import { must } from "../../common/index.js";
import { type Device, floatsOf, floatTensor, GraphSession, type HostTensors } from "../../graph/index.js";
import type { FloatMap } from "../../imaging/index.js";
import { denseTensors } from "../../method/index.js";
import {
  type DenseClassifierOptions,
  denseClassifierGraph,
  denseFeaturesInput,
  type JoinedFeatures,
  type StateDict,
  standardisationInputs,
  standardisationShape,
} from "../../models/index.js";

/** A head that squares have taught, compiled for features of one size. */
export class HeadSession {
  readonly #session: GraphSession;
  readonly #statistics: HostTensors;

  private constructor(session: GraphSession, statistics: HostTensors) {
    this.#session = session;
    this.#statistics = statistics;
  }

  /** @param weights as `teachHead` gives them */
  static async open(
    weights: StateDict,
    options: DenseClassifierOptions,
    { width, height, device }: { readonly width: number; readonly height: number; readonly device: Device },
  ): Promise<HeadSession> {
    const { map } = denseClassifierGraph(options, { batchSize: 1, width, height });
    const bind = new Map([...weights].filter(([name]) => name.startsWith("head.")));
    const statistic = (name: string) =>
      floatTensor(standardisationShape(1, options.channels), must(weights, name, "a head's tensors").data);
    return new HeadSession(await GraphSession.create({ map }, device, { bind }), {
      [standardisationInputs.mean]: statistic(denseTensors.mean),
      [standardisationInputs.scale]: statistic(denseTensors.scale),
    });
  }

  /** A logit for each cell. */
  async logits({ channels, width, height, data }: JoinedFeatures): Promise<FloatMap> {
    const features = floatTensor([1, channels, height, width], data);
    const found = await this.#session.run({ [denseFeaturesInput]: features, ...this.#statistics });
    return { width, height, data: floatsOf(found, "map") };
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}
