import * as z from "zod/mini";

/** Which dye is shown: both as they are on the slide, or one as if it alone were there. */
export const stainNames = ["both", "haematoxylin", "eosin"] as const;
export type StainName = (typeof stainNames)[number];

/** How a slide is shown. It changes nothing but the picture on the screen. */
export interface Look {
  /** Added to every value: −1 black, 1 white. */
  readonly brightness: number;
  /** From −1, grey, over 0, as it is, to below 1, black and white. */
  readonly contrast: number;
  /** Exponent of every value from 0 to 1: below 1 brightens what is dark, above 1 darkens it. */
  readonly gamma: number;
  readonly stain: StainName;
}

/** What a browser has kept of a look. */
export const lookSchema: z.ZodMiniType<Look> = z.object({
  brightness: z.number(),
  contrast: z.number(),
  gamma: z.number(),
  stain: z.enum(stainNames),
});

export const plainLook: Look = { brightness: 0, contrast: 0, gamma: 1, stain: "both" };

/** Limits of the sliders. */
export const lookLimits = {
  brightness: { least: -0.6, most: 0.6, step: 0.02 },
  contrast: { least: -0.8, most: 0.8, step: 0.02 },
  gamma: { least: 0.3, most: 3, step: 0.05 },
} as const;

export function isPlain({ brightness, contrast, gamma, stain }: Look): boolean {
  return brightness === 0 && contrast === 0 && gamma === 1 && stain === "both";
}

/** What differs from the slide as it is, in words; empty when nothing does. */
export function lookText({ brightness, contrast, gamma, stain }: Look): string {
  const percent = (name: string, value: number) =>
    value === 0 ? [] : [`${name} ${value > 0 ? "+" : "−"}${Math.round(Math.abs(value) * 100)} %`];
  return [
    ...(stain === "both" ? [] : [`${stain} alone`]),
    ...percent("brightness", brightness),
    ...percent("contrast", contrast),
    ...(gamma === 1 ? [] : [`gamma ${Number(gamma.toFixed(2))}`]),
  ].join(", ");
}
