import { join } from "node:path";
import { RunDirectory } from "../../training/index.js";
import { fileVersion } from "../open-slides.js";
import { WorkQueue } from "../work-queue.js";
import type { WorkspaceDirectory } from "../workspace/workspace.js";
import { RunMasks } from "./run-masks.js";

/** What runs hold about patches, listed again when a run goes on. */
export class RunMaskIndexes {
  /** Masks read at a time; an order by disagreement reads them all, and leaves the other core to tiles. */
  readonly #queue = new WorkQueue({ running: 2, waiting: Number.POSITIVE_INFINITY });
  readonly #held = new Map<string, { readonly version: string; readonly masks: Promise<RunMasks> }>();

  /** @throws EpSamError `run-directory` when the run is damaged */
  async open(directory: WorkspaceDirectory): Promise<RunMasks> {
    const run = await RunDirectory.open(directory.root);
    const version = await fileVersion(join(directory.root, "run.json"));
    const held = this.#held.get(directory.id);
    if (held?.version === version) return held.masks;
    const masks = RunMasks.read(run, this.#queue);
    this.#held.set(directory.id, { version, masks });
    masks.catch(() => {
      if (this.#held.get(directory.id)?.masks === masks) this.#held.delete(directory.id);
    });
    return masks;
  }
}
