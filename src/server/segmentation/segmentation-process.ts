import { moduleBeside } from "../../common/index.js";
import { ModelProcess, type ModelProcessOptions } from "../model-process.js";
import { resultSchemas, type SegmentationWork, type WorkResults } from "./work.js";

/** The process that segments with clicks, see {@link ModelProcess}. */
export class SegmentationProcess extends ModelProcess<SegmentationWork> {
  constructor(options: ModelProcessOptions<SegmentationWork> = {}) {
    super(moduleBeside(import.meta.url, "./segmentation-main"), "segments", options);
  }

  /** As {@link ModelProcess.perform}. */
  async run<Kind extends keyof WorkResults>(
    work: Extract<SegmentationWork, { kind: Kind }>,
    signal?: AbortSignal,
  ): Promise<WorkResults[Kind]>;
  async run(work: SegmentationWork, signal?: AbortSignal): Promise<WorkResults[keyof WorkResults]> {
    return this.perform<WorkResults[keyof WorkResults]>(work, resultSchemas[work.kind], signal);
  }
}
