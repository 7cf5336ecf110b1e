import { must } from "../../common/index.js";
import { floatsOf, floatTensor, GraphSession } from "../../graph/index.js";
import type { FloatMap } from "../../imaging/index.js";
import { denseTensors } from "../../method/index.js";
import {
  denseClassifierGraph,
  denseFeaturesInput,
  standardisationInputs,
  standardisationShape,
} from "../../models/index.js";
import { type HeadLesson, TAUGHT_HEAD, teachHead } from "./teach-head.js";

/** Width of the head's hidden layer. */
const HIDDEN = 128;

/**
 * What a new head that squares have taught says of other parts of their slide.
 * @param lesson the parts' features are all of one size
 * @returns logits for each of the other parts, a value for each of their cells
 * @throws EpSamError as {@link teachHead}
 */
export async function taughtLogits(
  lesson: Pick<HeadLesson, "parts" | "others" | "seed" | "device" | "signal">,
): Promise<readonly FloatMap[]> {
  const { others, device, signal } = lesson;
  const { channels, width, height } = must(others, 0, "part");
  const { featureNoise: noise, poolingShare: share } = TAUGHT_HEAD;
  const options = {
    channels,
    context: [],
    hidden: HIDDEN,
    pooling: { kind: "highest-share", share },
  } as const;
  const weights = await teachHead({ ...lesson, options, noise, head: null });
  const { map } = denseClassifierGraph(options, { batchSize: 1, width, height });
  const bind = new Map([...weights].filter(([name]) => name.startsWith("head.")));
  const session = await GraphSession.create({ map }, device, { bind });
  const shape = standardisationShape(1, channels);
  const statistics = {
    [standardisationInputs.mean]: floatTensor(shape, must(weights, denseTensors.mean, "tensors").data),
    [standardisationInputs.scale]: floatTensor(shape, must(weights, denseTensors.scale, "tensors").data),
  };
  try {
    const maps: FloatMap[] = [];
    for (const { data } of others) {
      signal?.throwIfAborted();
      const features = floatTensor([1, channels, height, width], data);
      const logits = floatsOf(await session.run({ [denseFeaturesInput]: features, ...statistics }), "map");
      maps.push({ width, height, data: logits });
    }
    return maps;
  } finally {
    await session.close();
  }
}
