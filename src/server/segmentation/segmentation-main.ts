import { answerParent, EpSamError, messageOf } from "../../common/index.js";
import { SegmenterModels } from "./segmenter-models.js";
import { workSchema } from "./work.js";

/** The process behind `SegmentationProcess`. */
const models = new SegmenterModels();

answerParent(workSchema, async (work) => {
  try {
    return await models.run(work);
  } catch (cause) {
    if (cause instanceof EpSamError) throw cause;
    throw new EpSamError("internal", { what: "segmenting failed", why: messageOf(cause) }, { cause });
  }
});
