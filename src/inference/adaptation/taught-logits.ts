import { must } from "../../common/index.js";
import type { FloatMap } from "../../imaging/index.js";
import { denseDefaults } from "../../run/index.js";
import { HeadSession } from "./head-session.js";
import { type HeadLesson, TAUGHT_HEAD, teachHead } from "./teach-head.js";

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
  const pooling = { kind: "highest-share", share } as const;
  const options = { channels, context: [], hidden: denseDefaults.hidden, pooling };
  const weights = await teachHead({ ...lesson, options, noise, head: null });
  const head = await HeadSession.open(weights, options, { width, height, device });
  try {
    const maps: FloatMap[] = [];
    for (const features of others) {
      signal?.throwIfAborted();
      maps.push(await head.logits(features));
    }
    return maps;
  } finally {
    await head.close();
  }
}
