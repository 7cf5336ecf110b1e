import type { Reporter } from "../common/index.js";
import type { DeviceSource } from "../graph/index.js";

/** What segmenting images and segmenting slides have in common. */
export interface InferenceOptions {
  /** Run directory of `epsam train`. */
  readonly run: string;
  /** Output directory. */
  readonly out: string;
  readonly stage?: string | undefined;
  /** Probability of tumour from which a patch is segmented, 0 to 1; the run's when left out. */
  readonly gate?: number | undefined;
  /** Least overlap of neighbouring patches as a share of their side, 0 to 0.9. */
  readonly overlap?: number | undefined;
  readonly device: DeviceSource;
  /** Goes on with what a killed call began; what is finished, from the same model and settings, is left out. */
  readonly resume?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
  /** Whether inputs may have another magnification than the patches that the run learned from. */
  readonly anyResolution?: boolean | undefined;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}
