import { moduleBeside } from "../../common/index.js";
import { ModelProcess, type ModelProcessOptions } from "../model-process.js";
import { resultSchemas, type SegmentationWork, type WorkResults } from "./work.js";

/** The process that segments with clicks, see {@link ModelProcess}. */
export class SegmentationProcess extends ModelProcess<SegmentationWork, WorkResults> {
  constructor(options: ModelProcessOptions<SegmentationWork> = {}) {
    super(moduleBeside(import.meta.url, "./segmentation-main"), "segments", resultSchemas, options);
  }
}
