import type { Reporter } from "../common/index.js";
import type { Device } from "../graph/index.js";
import type { ImageEncoder } from "../models/index.js";
import type { TrainingConfig } from "./config-schema.js";
import type { RunDirectory } from "./run-directory.js";

/** A frozen image encoder that is opened when it is needed. */
export interface EncoderSource {
  /** Names the encoder and its weights in the cache. */
  readonly id: string;
  open(device: Device): Promise<ImageEncoder>;
}

/** What every stage of a run works with. */
export interface RunContext {
  readonly run: RunDirectory;
  readonly config: TrainingConfig;
  readonly device: Device;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** The image encoder, that of the configuration unless told. */
  readonly encoder?: EncoderSource | undefined;
}
