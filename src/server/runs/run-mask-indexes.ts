import { join } from "node:path";
import { WorkQueue } from "../../common/index.js";
import { RunDirectory } from "../../run/index.js";
import { ByVersion } from "../by-version.js";
import { fileVersion } from "../open-slides.js";
import type { WorkspaceDirectory } from "../workspace/workspace.js";
import { RunMasks } from "./run-masks.js";

/** What runs hold about patches, listed again when a run goes on. */
export class RunMaskIndexes {
  readonly #signal: AbortSignal;
  /** Masks read at a time, by whoever looks and in the background. */
  readonly #queue = new WorkQueue({ running: 2 });
  readonly #held = new ByVersion<RunMasks>();

  /** @param signal ends the work in the background with the server */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws EpSamError `run-directory` when the run is damaged */
  async open(directory: WorkspaceDirectory): Promise<RunMasks> {
    const run = await RunDirectory.open(directory.root);
    const version = await fileVersion(join(directory.root, "run.json"));
    return this.#held.get(directory.id, version, () => RunMasks.read(run, this.#queue, this.#signal));
  }
}
