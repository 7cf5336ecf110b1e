import { deterministicUniform } from "../scripts/parity/deterministic-fill.js";
import { deterministicVit } from "../scripts/parity/vit-weights.js";
import { openVitEncoder, type VitVariant, vitArchitectures, vitVariants } from "../src/models/index.js";
import type { Section } from "./sections.js";

/** What the published sizes of SAM's image encoder may take; a limit only where one was set. */
export interface EncoderSection extends Section {
  readonly limitBytes: number | undefined;
}

const PATCH = 512;

/** What `bench/encoder.ts` measures: one 512² patch from pixels to embedding, weights from their names alone. */
export const encoderSections: Readonly<Record<string, EncoderSection>> = Object.fromEntries(
  vitVariants.map((variant) => [variant, encoderSection(variant)]),
);

function encoderSection(variant: VitVariant): EncoderSection {
  return {
    title: `SAM image encoder, ${variant}, one ${PATCH}² patch`,
    images: 1,
    inPyTorch: true,
    limitBytes: variant === "vit-b" ? 3e9 : undefined,
    async prepare(device) {
      const weights = deterministicVit(vitArchitectures[variant]);
      const encoder = await openVitEncoder({ variant, weights, weightsHash: "deterministic", device });
      const levels = deterministicUniform("bench/patch", PATCH * PATCH * 3, 0, 256);
      const image = { width: PATCH, height: PATCH, data: Uint8Array.from(levels, Math.floor) };
      return async () => {
        await encoder.encode(image);
      };
    },
  };
}
