import {
  add,
  concat,
  conv2d,
  gelu,
  multiHeadAttention,
  multiply,
  reshape,
  sigmoid,
  slice,
  transpose,
  type Value,
} from "../../graph/index.js";
import { affine, layerNorm, linear, lookupWithin, type ParameterLookup } from "../../nn/index.js";
import { prefixTokens, type VisionTransformer } from "./vision-transformer.js";

/** Names of parameters that are made of others when a graph is compiled, see `StretchParameters`. */
export const madeParameters = { prefix: "prefix", positions: "positions" } as const;

/** Rows and columns of an image's tokens. */
export interface TokenGrid {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Tokens of images: class token and registers, then a linear map of each square of pixels with its position added.
 * @param images normalised colours, [N, 3, rows · patch, columns · patch]
 * @returns [N, tokens, width]
 */
export function embedTokens(
  parameters: ParameterLookup,
  images: Value,
  transformer: VisionTransformer,
  { rows, columns }: TokenGrid,
): Value {
  const { width, patch, patchBias, preNorm, epsilon } = transformer;
  const [count = 1] = images.shape;
  const weight = parameters("patch_embed.proj.weight", [width, 3, patch, patch]);
  const bias = patchBias ? parameters("patch_embed.proj.bias", [width]) : undefined;
  const flat = reshape(conv2d(images, weight, { stride: patch, bias }), [count, width, rows * columns]);
  const placed = add(
    transpose(flat, [0, 2, 1]),
    parameters(madeParameters.positions, [1, rows * columns, width]),
  );
  const before = prefixTokens(transformer);
  const prefix = before === 0 ? undefined : parameters(madeParameters.prefix, [count, before, width]);
  const tokens = prefix === undefined ? placed : concat([prefix, placed], 1);
  return preNorm ? layerNorm(lookupWithin(parameters, "norm_pre"), tokens, epsilon) : tokens;
}

/**
 * A block: attention, then a feed-forward network, each behind a layer normalisation, scaled and added to its input.
 * @param x tokens [N, tokens, width]
 */
export function transformerBlock(
  parameters: ParameterLookup,
  x: Value,
  { width, heads, hidden, feedForward, layerScale, qkvBias, epsilon }: VisionTransformer,
): Value {
  const normalised = layerNorm(lookupWithin(parameters, "norm1"), x, epsilon);
  const attention = lookupWithin(parameters, "attn");
  const project = (name: string) => {
    const own = lookupWithin(attention, name);
    const bias = qkvBias ? own("bias", [width]) : undefined;
    return affine(normalised, own("weight", [width, width]), bias);
  };
  const attended = multiHeadAttention(project("query"), project("key"), project("value"), heads);
  const scaled = (name: string, own: Value) =>
    layerScale ? multiply(own, parameters(`${name}.gamma`, [width])) : own;
  const informed = add(x, scaled("ls1", linear(lookupWithin(attention, "proj"), attended, width)));
  const mlp = lookupWithin(parameters, "mlp");
  const inner = layerNorm(lookupWithin(parameters, "norm2"), informed, epsilon);
  const fed = linear(lookupWithin(mlp, "fc2"), opened(mlp, inner, hidden, feedForward), width);
  return add(informed, scaled("ls2", fed));
}

/** The inside of a feed-forward network; in a SwiGLU the first half of its channels opens the second. */
function opened(
  mlp: ParameterLookup,
  x: Value,
  hidden: number,
  kind: VisionTransformer["feedForward"],
): Value {
  if (kind === "gelu") return gelu(linear(lookupWithin(mlp, "fc1"), x, hidden));
  const gate = linear(lookupWithin(mlp, "fc1-gate"), x, hidden / 2);
  const value = linear(lookupWithin(mlp, "fc1-value"), x, hidden / 2);
  return multiply(multiply(gate, sigmoid(gate)), value);
}

/**
 * The tokens of the image as a map, normalised at the end as the model's are.
 * @param x tokens [N, tokens, width]
 * @returns [N, width, rows, columns]
 */
export function tokenMap(
  parameters: ParameterLookup,
  x: Value,
  transformer: VisionTransformer,
  { rows, columns }: TokenGrid,
): Value {
  const [count = 1, tokens = 1, width = 1] = x.shape;
  const own = slice(x, [{ axis: 1, start: prefixTokens(transformer), end: tokens }]);
  const { finalNorm, epsilon } = transformer;
  const normalised = finalNorm ? layerNorm(lookupWithin(parameters, "norm"), own, epsilon) : own;
  return reshape(transpose(normalised, [0, 2, 1]), [count, width, rows, columns]);
}
