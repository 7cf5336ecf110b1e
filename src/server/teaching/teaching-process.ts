import { moduleBeside } from "../../common/index.js";
import { ModelProcess } from "../model-process.js";
import { type TeachingResults, type TeachingWork, teachingResults } from "./work.js";

/** Work that nobody waits for any longer ends by itself: it is short, and the process keeps features that are not. */
const GRACE_MILLISECONDS = 120_000;

/** The process that teaches with squares, see {@link ModelProcess}. */
export class TeachingProcess extends ModelProcess<TeachingWork> {
  constructor() {
    super(moduleBeside(import.meta.url, "./teaching-main"), "teaches", {
      graceMilliseconds: GRACE_MILLISECONDS,
    });
  }

  /** As {@link ModelProcess.perform}. */
  async run<Kind extends keyof TeachingResults>(
    work: Extract<TeachingWork, { kind: Kind }>,
    signal?: AbortSignal,
  ): Promise<TeachingResults[Kind]>;
  async run(work: TeachingWork, signal?: AbortSignal): Promise<TeachingResults[keyof TeachingResults]> {
    return this.perform<TeachingResults[keyof TeachingResults]>(work, teachingResults[work.kind], signal);
  }
}
