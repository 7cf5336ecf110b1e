import type { ErrorFields, ErrorTag } from "../../common/index.js";
import type { PromptArrays } from "../../contract/index.js";
import type { RgbImage } from "../../imaging/index.js";

/** Weights and patch size of a segmenter, as another process needs them to open it. */
export interface SegmenterSource {
  /** Run directory; null for SAM as its makers trained it. */
  readonly run: string | null;
  /** Decoder of the run, ignored without one. */
  readonly stage: string;
  /** Side of the patches in pixels. */
  readonly patchSize: number;
}

/** What the segmentation process is asked for. */
export type SegmentationWork =
  | { readonly kind: "embed"; readonly segmenter: SegmenterSource; readonly image: RgbImage }
  | { readonly kind: "decoder"; readonly segmenter: SegmenterSource }
  | {
      readonly kind: "decode";
      readonly segmenter: SegmenterSource;
      readonly embedding: Float32Array;
      readonly prompts: PromptArrays;
    };

/** What each kind of work gives. */
export interface WorkResults {
  /** Float32 [256, 64, 64]. */
  readonly embed: Float32Array;
  /** An ONNX file. */
  readonly decoder: Uint8Array;
  readonly decode: DecodedLogits;
}

export interface DecodedLogits {
  /** [256, 256] over the patch, above 0 for foreground. */
  readonly logits: Float32Array;
  readonly estimatedIou: number;
}

/** Messages between the server and the process that runs the models. */
export interface WorkMessage {
  readonly id: number;
  readonly work: SegmentationWork;
}

export type WorkAnswer =
  | { readonly id: number; readonly result: Float32Array | Uint8Array | DecodedLogits }
  | { readonly id: number; readonly error: { readonly tag: ErrorTag; readonly fields: ErrorFields } };
