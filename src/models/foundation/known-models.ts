import type { NamingStyle } from "./transformer-names.js";
import type { VisionTransformer } from "./vision-transformer.js";

/** What a model's card says that its weights do not. */
export interface KnownModel {
  readonly name: string;
  readonly title: string;
  /** What of its architecture tells it from others. */
  readonly shape: Partial<VisionTransformer> &
    Pick<VisionTransformer, "patch" | "width" | "depth" | "registers">;
  /** Whose names the published state dicts have; any where it is left out. */
  readonly styles?: readonly NamingStyle[] | undefined;
  /** Side in pixels of the images it was trained on. */
  readonly size: number;
  /** Of colours from 0 to 1. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** At which tissue is usually shown to it; null for photographs. */
  readonly micronsPerPixel: number | null;
  readonly licence: string;
  /** Whether the card lets nobody use it who has not accepted its terms, or not for every purpose. */
  readonly isRestricted: boolean;
  /** Where the card is. */
  readonly home: string;
  /** Models of many other makers have this architecture too, so that it has to be named. */
  readonly isCommonShape?: true | undefined;
}

const imageNet = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;
const halves = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const;
const optimus = { mean: [0.707223, 0.578729, 0.703617], deviation: [0.211883, 0.230117, 0.177517] } as const;
const hibou = { mean: [0.7068, 0.5755, 0.722], deviation: [0.195, 0.2316, 0.1816] } as const;

const NON_COMMERCIAL = "CC-BY-NC-ND-4.0: no commercial use, no derivatives";
const giant = { patch: 14, width: 1536, depth: 40, feedForward: "swiglu", hidden: 8192 } as const;
const huge = { patch: 14, width: 1280, depth: 32, feedForward: "swiglu", hidden: 6832, grid: 16 } as const;
const tissue = { size: 224, micronsPerPixel: 0.5 } as const;

const pathology: readonly KnownModel[] = [
  {
    name: "uni",
    title: "UNI (ViT-L/16, Mahmood Lab)",
    shape: {
      patch: 16,
      width: 1024,
      depth: 24,
      registers: 0,
      feedForward: "gelu",
      grid: 14,
      layerScale: true,
    },
    styles: ["timm"],
    ...imageNet,
    ...tissue,
    licence: NON_COMMERCIAL,
    isRestricted: true,
    home: "https://huggingface.co/MahmoodLab/UNI",
  },
  {
    name: "uni2-h",
    title: "UNI2-h (ViT-H/14 with 8 registers, Mahmood Lab)",
    shape: { ...giant, depth: 24, registers: 8, grid: 16 },
    ...imageNet,
    ...tissue,
    licence: NON_COMMERCIAL,
    isRestricted: true,
    home: "https://huggingface.co/MahmoodLab/UNI2-h",
  },
  {
    name: "virchow",
    title: "Virchow (ViT-H/14, Paige)",
    shape: { ...huge, registers: 0 },
    ...imageNet,
    ...tissue,
    licence: "Apache-2.0",
    isRestricted: false,
    home: "https://huggingface.co/paige-ai/Virchow",
  },
  {
    name: "virchow2",
    title: "Virchow2 (ViT-H/14 with 4 registers, Paige)",
    shape: { ...huge, registers: 4 },
    ...imageNet,
    ...tissue,
    licence: NON_COMMERCIAL,
    isRestricted: true,
    home: "https://huggingface.co/paige-ai/Virchow2",
  },
  {
    name: "h-optimus-0",
    title: "H-optimus-0 (ViT-g/14 with 4 registers, Bioptimus)",
    shape: { ...giant, registers: 4, grid: 16 },
    ...optimus,
    ...tissue,
    licence: "Apache-2.0",
    isRestricted: false,
    home: "https://huggingface.co/bioptimus/H-optimus-0",
  },
  {
    name: "h-optimus-1",
    title: "H-optimus-1 (ViT-g/14 with 4 registers, Bioptimus)",
    shape: { ...giant, registers: 4, grid: 16 },
    ...optimus,
    ...tissue,
    licence: NON_COMMERCIAL,
    isRestricted: true,
    home: "https://huggingface.co/bioptimus/H-optimus-1",
  },
  {
    name: "prov-gigapath",
    title: "Prov-GigaPath, tile encoder (ViT-g/16, Providence and Microsoft)",
    shape: { ...giant, patch: 16, registers: 0, grid: 14 },
    ...imageNet,
    ...tissue,
    licence: "its own terms, to be accepted on its card: for research, not for clinical use",
    isRestricted: true,
    home: "https://huggingface.co/prov-gigapath/prov-gigapath",
  },
  {
    name: "phikon",
    title: "Phikon (ViT-B/16, Owkin)",
    shape: {
      patch: 16,
      width: 768,
      depth: 12,
      registers: 0,
      feedForward: "gelu",
      grid: 14,
      layerScale: false,
    },
    styles: ["transformers-vit"],
    isCommonShape: true,
    ...imageNet,
    ...tissue,
    licence: "Owkin's non-commercial licence",
    isRestricted: true,
    home: "https://huggingface.co/owkin/phikon",
  },
  {
    name: "phikon-v2",
    title: "Phikon-v2 (ViT-L/16, Owkin)",
    shape: { patch: 16, width: 1024, depth: 24, registers: 0, feedForward: "gelu", layerScale: true },
    styles: ["transformers-dinov2"],
    ...imageNet,
    ...tissue,
    licence: "Owkin's non-commercial licence",
    isRestricted: true,
    home: "https://huggingface.co/owkin/phikon-v2",
  },
  {
    name: "hibou-b",
    title: "Hibou-B (ViT-B/14 with 4 registers, HistAI)",
    shape: { patch: 14, width: 768, depth: 12, registers: 4, feedForward: "swiglu", hidden: 4096 },
    ...hibou,
    ...tissue,
    licence: "Apache-2.0",
    isRestricted: false,
    home: "https://huggingface.co/histai/hibou-b",
  },
  {
    name: "hibou-l",
    title: "Hibou-L (ViT-L/14 with 4 registers, HistAI)",
    shape: { patch: 14, width: 1024, depth: 24, registers: 4, feedForward: "swiglu", hidden: 5472 },
    ...hibou,
    ...tissue,
    licence: "Apache-2.0",
    isRestricted: false,
    home: "https://huggingface.co/histai/hibou-L",
  },
  {
    name: "midnight",
    title: "Midnight-12k (ViT-g/14, Kaiko)",
    shape: { ...giant, registers: 0 },
    styles: ["transformers-dinov2"],
    ...halves,
    ...tissue,
    licence: "MIT",
    isRestricted: false,
    home: "https://huggingface.co/kaiko-ai/midnight",
  },
];

const KAIKO = "https://github.com/kaiko-ai/towards_large_pathology_fms";

function kaiko(name: string, shape: KnownModel["shape"]): KnownModel {
  return {
    name: `kaiko-${name}`,
    title: `Kaiko ${name} (Towards Large-Scale Training of Pathology Foundation Models)`,
    shape,
    styles: ["timm"],
    isCommonShape: true,
    ...halves,
    ...tissue,
    licence: "Kaiko's non-commercial licence",
    isRestricted: true,
    home: KAIKO,
  };
}

/** A transformer of DINO without layer scale. */
function plain(patch: number, width: number): KnownModel["shape"] {
  return { patch, width, depth: 12, registers: 0, feedForward: "gelu", layerScale: false, grid: 224 / patch };
}

const kaikos: readonly KnownModel[] = [
  kaiko("vits16", plain(16, 384)),
  kaiko("vits8", plain(8, 384)),
  kaiko("vitb16", plain(16, 768)),
  kaiko("vitb8", plain(8, 768)),
  kaiko("vitl14", { patch: 14, width: 1024, depth: 24, registers: 4, feedForward: "gelu", grid: 37 }),
];

const dinoSizes: readonly (readonly [string, Pick<VisionTransformer, "width" | "depth" | "feedForward">])[] =
  [
    ["s", { width: 384, depth: 12, feedForward: "gelu" }],
    ["b", { width: 768, depth: 12, feedForward: "gelu" }],
    ["l", { width: 1024, depth: 24, feedForward: "gelu" }],
    ["g", { width: 1536, depth: 40, feedForward: "swiglu" }],
  ];

const dinos: readonly KnownModel[] = [0, 4].flatMap((registers) =>
  dinoSizes.map(([size, shape]) => ({
    name: `dinov2-${size}${registers === 0 ? "" : "-reg"}`,
    title: `DINOv2 ViT-${size.toUpperCase()}/14${registers === 0 ? "" : " with registers"} of photographs (Meta)`,
    shape: { ...shape, patch: 14, registers, grid: 37 },
    ...imageNet,
    size: 518,
    micronsPerPixel: null,
    licence: "Apache-2.0",
    isRestricted: false,
    home: "https://github.com/facebookresearch/dinov2",
  })),
);

/**
 * Models whose cards were read. Their weights could not be fetched for tests: what is tested is their architecture, with
 * random weights.
 */
export const knownModels: readonly KnownModel[] = [...pathology, ...kaikos, ...dinos];

/** The known models that a state dict can be of. */
export function fittingModels(transformer: VisionTransformer, style: NamingStyle): KnownModel[] {
  const facts = Object.entries(transformer);
  return knownModels.filter(
    ({ shape, styles }) =>
      (styles === undefined || styles.includes(style)) &&
      Object.entries(shape).every(([key, value]) => facts.some(([own, is]) => own === key && is === value)),
  );
}
