import { EpSamError } from "../../common/index.js";
import { formatShape, type Shape } from "../../graph/index.js";
import { matchStateDict } from "../weights/index.js";
import type { NamingStyle, TransformerWeights } from "./transformer-names.js";
import { type PositionRule, transformerTensors, type VisionTransformer } from "./vision-transformer.js";

/** Names that tell other networks. */
const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/^layer1\.0\.conv1\.weight$/, "a ResNet"],
  [/^_?conv_stem\.weight$/, "an EfficientNet"],
  [/^image_encoder\.pos_embed$/, "a SAM"],
  [/^layers[._]0\.blocks\.0\.attn\.qkv\.weight$/, "a Swin transformer"],
  [/^stages\.0\.blocks\.0\.conv_dw\.weight$/, "a ConvNeXt"],
  [/^(visual\.)?trunk\.|^visual\.|^text\./, "a model of images and texts"],
];

/** Heads of the widths that published models have; shapes do not tell them. */
const USUAL_HEADS: ReadonlyMap<number, number> = new Map([
  [192, 3],
  [384, 6],
  [768, 12],
  [1024, 16],
  [1280, 16],
  [1408, 16],
  [1536, 24],
  [1664, 16],
]);

/**
 * The architecture of a state dict, from names and shapes.
 * @param heads of attention; those that published models of this width have unless told
 * @throws EpSamError `weights` when it is no vision transformer, or tensors are missing, surplus or of another shape;
 *   `usage` when the number of heads is not known
 */
export function detectTransformer(weights: TransformerWeights, heads?: number): VisionTransformer {
  const { shapes, path, style } = weights;
  const stem = shapes.get("patch_embed.proj.weight");
  const [width = 0, colours, patch = 0, patchAcross] = stem ?? [];
  requireWhole(path);
  const isStem = stem?.length === 4 && colours === 3 && patch === patchAcross;
  const hasBlocks = [...shapes.keys()].some((name) => name.startsWith("blocks.0."));
  const other = otherKind(shapes);
  if (!isStem || !hasBlocks || other !== undefined) throw notOne(path, { other, stem, hasBlocks });
  const registers = shapes.get("reg_token")?.[1] ?? 0;
  const classToken = shapes.has("cls_token");
  const { grid, placedTokens } = gridOf(path, shapes.get("pos_embed"), registers, classToken);
  const hidden = shapes.get("blocks.0.mlp.fc1.weight")?.[0] ?? 0;
  const gated = shapes.get("blocks.0.mlp.fc2.weight")?.[1] ?? 0;
  const transformer: VisionTransformer = {
    patch,
    width,
    depth: depthOf(shapes),
    heads: headsOf(path, width, heads),
    grid,
    classToken,
    registers,
    placedTokens,
    feedForward: gated * 2 === hidden ? "swiglu" : "gelu",
    hidden,
    layerScale: shapes.has("blocks.0.ls1.gamma"),
    qkvBias: shapes.has("blocks.0.attn.qkv.bias"),
    patchBias: shapes.has("patch_embed.proj.bias"),
    preNorm: shapes.has("norm_pre.weight"),
    finalNorm: shapes.has("norm.weight"),
    epsilon: style === "transformers-vit" ? 1e-12 : 1e-6,
    positions: positionRule(style, registers),
  };
  matchStateDict(
    transformerTensors(transformer),
    new Map([...shapes].map(([name, shape]) => [name, { shape }])),
    {
      file: path,
      action:
        "Give the state dict as it was published. A model that differs can be exported as ONNX; import that.",
    },
  );
  return transformer;
}

function positionRule(style: NamingStyle, registers: number): PositionRule {
  if (style === "timm" || registers > 0) return "antialiased";
  return style === "dinov2" ? "bicubic-offset" : "bicubic";
}

function depthOf(shapes: ReadonlyMap<string, Shape>): number {
  const blocks = [...shapes.keys()].map((name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  return Math.max(...blocks) + 1;
}

/** The side of the learnt grid: a square number of positions is left when those of other tokens are taken off. */
function gridOf(path: string, shape: Shape | undefined, registers: number, classToken: boolean) {
  const [one, count = 0] = shape ?? [];
  const all = (classToken ? 1 : 0) + registers;
  const placed = [...new Set([all, classToken ? 1 : 0, 0])].find((other) =>
    Number.isInteger(Math.sqrt(count - other)),
  );
  if (one === 1 && shape?.length === 3 && placed !== undefined && count > placed) {
    return { grid: Math.sqrt(count - placed), placedTokens: placed };
  }
  throw new EpSamError("weights", {
    what: "has positions of no square grid",
    where: path,
    why:
      shape === undefined
        ? "there is no tensor of positions"
        : `they have the shape ${formatShape(shape)}, and there are ${all} other tokens`,
    action: "Only learnt positions of a square grid are known; export the model as ONNX and import that.",
  });
}

function headsOf(path: string, width: number, asked: number | undefined): number {
  const heads = asked ?? USUAL_HEADS.get(width);
  if (heads !== undefined && width % heads === 0) return heads;
  throw new EpSamError("usage", {
    what:
      asked === undefined
        ? "needs the number of its attention heads"
        : `cannot have ${asked} attention heads`,
    where: path,
    why:
      asked === undefined
        ? `no published model has tokens ${width} wide, and the weights do not tell`
        : `they share the ${width} channels of its tokens evenly`,
    action: "Give `heads` as in the model's card or config.json.",
  });
}

/** Which other network the names are of; undefined when they do not tell. */
function otherKind(shapes: ReadonlyMap<string, Shape>): string | undefined {
  const names = [...shapes.keys()];
  return OTHER_KINDS.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
}

/** What tells that a state dict is no vision transformer's. */
interface Signs {
  readonly other: string | undefined;
  readonly stem: Shape | undefined;
  readonly hasBlocks: boolean;
}

function notOne(path: string, signs: Signs): EpSamError {
  return new EpSamError("weights", {
    what: "is not a vision transformer",
    where: path,
    why: whyNotOne(signs),
    action:
      "Give the whole model's state dict; `key` names an inner dict. Any other model can be imported as ONNX.",
  });
}

function whyNotOne({ other, stem, hasBlocks }: Signs): string {
  if (other !== undefined) return `its names are those of ${other}`;
  if (!hasBlocks)
    return "it has no blocks: features are computed from the whole model's weights, not from a head";
  if (stem === undefined)
    return "there is no patch embedding under the names of timm, DINOv2 or transformers";
  return `its patch embedding has the shape ${formatShape(stem)}`;
}

/** A part of a checkpoint is known by its name alone. */
function requireWhole(path: string): void {
  const [, part = "", count = ""] = /-(\d{5})-of-(\d{5})\.\w+$/.exec(path) ?? [];
  if (Number(count) <= 1) return;
  throw new EpSamError("weights", {
    what: "is one part of a checkpoint",
    where: path,
    why: `its name says ${Number(part)} of ${Number(count)}`,
    action:
      "Give the index that came with the parts, such as model.safetensors.index.json, and keep all parts beside it.",
  });
}
