/** What OpenSlide tells about a slide when it is opened. */
export interface OpenSlideDescription {
  /** Version of the library. */
  readonly version: string;
  readonly vendor: string;
  readonly levels: readonly {
    readonly width: number;
    readonly height: number;
    readonly downsample: number;
  }[];
  readonly properties: Readonly<Record<string, string>>;
  readonly associatedImages: readonly string[];
}

/** Why a slide was not opened. */
export interface NotOpened {
  readonly notOpened: "not installed" | "unknown format" | "failed";
  readonly reason: string;
}

export interface PixelBlock {
  readonly width: number;
  readonly height: number;
  /** RGB. */
  readonly data: Uint8Array;
}

/** What the child is asked; one slide per child, opened first. */
export type OpenSlideQuestion =
  | { readonly kind: "open"; readonly path: string; readonly libraries: readonly string[] }
  | {
      readonly kind: "region";
      readonly level: number;
      /** Level-0 pixels. */
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
    }
  | { readonly kind: "associated"; readonly name: string };

export interface OpenSlideRequest {
  readonly id: number;
  readonly question: OpenSlideQuestion;
}

/** An answer, or why there is none. */
export type OpenSlideReply =
  | { readonly id: number; readonly answer: OpenSlideDescription | NotOpened | PixelBlock }
  | { readonly id: number; readonly failure: string };
