import type { Area, Box, DecodeRequest } from "../../../contract/index.js";

export interface MaskRequest {
  /** Address of the decoder's ONNX file. */
  readonly decoder: string;
  /** Address of the embedding's bytes. */
  readonly embedding: string;
  /** Address of the logits of the run's own map, which answers points; null without one. */
  readonly map: string | null;
  /** What the patch covers. */
  readonly box: Box;
  /** Side of the patch in pixels. */
  readonly patchSize: number;
  readonly prompt: DecodeRequest;
}

export interface MaskResult {
  readonly area: Area;
  readonly estimatedIou: number;
  /** For decoding and for the outlines; what was loaded first is not counted. */
  readonly milliseconds: number;
  /** What decoded it. */
  readonly engine: Engine;
}

/** Where masks are decoded: SAM's decoder in the browser, twice, the server, or a run's map without SAM. */
export type Engine = "webgpu" | "wasm" | "server" | "map";

export interface WorkerRequest extends MaskRequest {
  readonly id: number;
  /** Answers with the decoder's logits too. */
  readonly withLogits: boolean;
}

export type WorkerAnswer =
  | ({ readonly id: number; readonly logits: Float32Array | null } & MaskResult)
  | {
      readonly id: number;
      readonly failure: string;
      /** The server did not give the embedding or the decoder: the browser itself may well be able. */
      readonly fromServer: boolean;
    };
