import { setMaxListeners } from "node:events";
import { EpSamError } from "../common/index.js";
import type { Level0Box } from "../geometry/index.js";
import type { MicronsPerPixel, ReadOptions, SlideFacts, SlideLevel } from "./pixel-source.js";

/** What sources of every kind share: what they tell of the slide, and that reading ends when they are closed. */
export abstract class ClosableSource implements SlideFacts {
  readonly path: string;
  readonly format: string;
  readonly levels: readonly SlideLevel[];
  readonly micronsPerPixel: MicronsPerPixel | null;
  readonly objectivePower: number | null;
  readonly associatedImages: readonly string[];
  readonly warnings: readonly string[];
  readonly bounds: Level0Box | undefined;
  readonly heldBytes: number | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly #closed = new AbortController();

  protected constructor(facts: SlideFacts) {
    this.path = facts.path;
    this.format = facts.format;
    this.levels = facts.levels;
    this.micronsPerPixel = facts.micronsPerPixel;
    this.objectivePower = facts.objectivePower;
    this.associatedImages = facts.associatedImages;
    this.warnings = facts.warnings;
    this.bounds = facts.bounds;
    this.heldBytes = facts.heldBytes;
    this.properties = facts.properties;
    // Every read under way listens.
    setMaxListeners(0, this.#closed.signal);
  }

  /** Frees what the source holds; called once. */
  protected abstract release(): Promise<void>;

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(this.usage("was closed", "it was read after that"));
    await this.release();
  }

  /** Aborts when the source is closed or the caller's signal does. */
  protected signal({ signal }: ReadOptions): AbortSignal {
    return signal === undefined ? this.#closed.signal : AbortSignal.any([this.#closed.signal, signal]);
  }

  /** The error for an associated image that is not there. */
  protected noAssociatedImage(name: string): EpSamError {
    const names = this.associatedImages.join(", ");
    return this.usage(`has no associated image "${name}"`, names === "" ? "it has none" : `it has ${names}`);
  }

  protected usage(what: string, why: string): EpSamError {
    return new EpSamError("usage", { what, where: this.path, why });
  }
}
