import { EpSamError, messageOf } from "../../common/index.js";
import { SegmenterModels } from "./segmenter-models.js";
import type { WorkAnswer, WorkMessage } from "./work.js";

/** The process behind `SegmentationProcess`: one message in, one answer out. */
const models = new SegmenterModels();

process.on("disconnect", () => process.exit(0));
process.on("message", (message: WorkMessage) => {
  void answerTo(message).then((answer) => process.send?.(answer));
});

async function answerTo({ id, work }: WorkMessage): Promise<WorkAnswer> {
  try {
    return { id, result: await models.run(work) };
  } catch (cause) {
    const { tag, fields } =
      cause instanceof EpSamError
        ? cause
        : new EpSamError("internal", { what: "segmenting failed", why: messageOf(cause) });
    return { id, error: { tag, fields } };
  }
}
