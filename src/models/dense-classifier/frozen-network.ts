import type { Device } from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { EncoderStages } from "../sam/index.js";
import type { JoinedFeatures } from "./joined-features.js";

/** Square patches as frozen networks see them. */
export interface ShownPatch {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Side in pixels of the patches that the classifier learnt from, at the same magnification. */
  readonly trainedSize: number;
  /** Side in pixels that backbones see a patch at. */
  readonly side: number;
  /** Of the patch's pixels; null where it is not known. Foundation models see a patch at their own resolution. */
  readonly micronsPerPixel: number | null;
}

/** Cells of a map of features. */
export type FeatureShape = Omit<JoinedFeatures, "data">;

/** A frozen network that is open for patches of one size. */
export interface FrozenNetwork {
  get(image: RgbImage): Promise<JoinedFeatures>;
  /** As `get`, of several patches. */
  getAll(images: readonly RgbImage[]): Promise<JoinedFeatures[]>;
  close(): Promise<void>;
}

/** A frozen network before it is opened. */
export interface FrozenNetworkPlan {
  readonly name: string;
  readonly shape: FeatureShape;
  /** Patches that it is shown in one run where there are many. */
  readonly atOnce: number;
  /** Names the network, its weights and how patches are shown to it: equal names give equal features. */
  id(): Promise<string>;
  /**
   * @param patches that are shown in one run, 1 unless told; how many they are changes the last digits
   * @throws EpSamError `weights` when its weights are missing or have changed, `device` when it cannot be run
   */
  open(device: Device, patches?: number): Promise<FrozenNetwork>;
  /** Of SAM's encoder stages: the network on an encoder that somebody else has opened, and closes. */
  readonly within?: ((encoder: EncoderStages) => FrozenNetwork) | undefined;
}
