import { EpSamError } from "../../common/index.js";
import { elementCount, type FloatTensor, floatTensor, type Shape } from "../../graph/index.js";
import { readFloatTensor, type TensorPlace, type WeightFile } from "../weights/index.js";

/** Whose names a state dict has. */
export type NamingStyle = "timm" | "dinov2" | "transformers-dinov2" | "transformers-vit";

/** A state dict of a vision transformer under the names of `transformerTensors`, read one tensor at a time. */
export interface TransformerWeights {
  readonly path: string;
  readonly style: NamingStyle;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Names in the file of tensors that belong to no block: heads, mask tokens. */
  readonly beside: readonly string[];
  read(name: string): Promise<FloatTensor>;
  /** As of a {@link WeightFile}. */
  place?(name: string): TensorPlace | undefined;
}

/** Heads, poolers, and what was used in training alone. */
const BESIDE =
  /^(student\.|mask_token|embeddings\.mask_token|head\.|head_dist\.|fc_norm\.|attn_pool\.|fc\.|pre_logits\.|classifier\.|pooler\.|decoder\.|dino_head\.|ibot_head\.|dino_loss\.|ibot_patch_loss\.|.*\.attn\.bias_mask$|.*\.attn\.mask_k_bias$)/;

/** What wrappers of transformers put before the model's own names; heads beside it have none. */
const WRAPPERS = /^(dinov2_with_registers|dinov2|vit|backbone|teacher\.backbone|student\.backbone)\./;

/**
 * Takes a file as the state dict of a vision transformer: names of timm, of the original DINOv2 with blocks in chunks or
 * not, and of transformers' `Dinov2Model`, `Dinov2WithRegistersModel` and `ViTModel`. Query, key and value that are apart
 * are joined, as are the two halves of a SwiGLU.
 * @throws EpSamError `weights` when two tensors would have one name
 */
export function transformerWeights(file: WeightFile): TransformerWeights {
  const wrapped = new Map([...file.tensors.keys()].map((name) => [unwrapped(name, file), name]));
  const names = [...wrapped.keys()];
  const style = styleOf(names);
  const beside = names.filter((name) => BESIDE.test(name));
  const parts = new Map<string, string[]>();
  for (const name of names) {
    if (BESIDE.test(name)) continue;
    const { to, order } = canonical(name, style);
    const own = parts.get(to) ?? [];
    if (own[order] !== undefined) throw twice(file.path, to, own[order], name);
    own[order] = name;
    parts.set(to, own);
  }
  const original = (name: string) => wrapped.get(name) ?? name;
  const shapeOf = (name: string): Shape => file.tensors.get(original(name))?.shape ?? [];
  return {
    path: file.path,
    style,
    beside: beside.map(original),
    shapes: new Map([...parts].map(([name, own]) => [name, joinedShape(own.map(shapeOf))])),
    read: async (name) => {
      const own = parts.get(name);
      if (own === undefined) throw new EpSamError("weights", { what: `has no ${name}`, where: file.path });
      const tensors: FloatTensor[] = [];
      for (const part of own) tensors.push(await readFloatTensor(file, original(part)));
      return joined(tensors);
    },
    place: (name) => {
      const [only, ...others] = parts.get(name) ?? [];
      return only === undefined || others.length > 0 ? undefined : file.place?.(original(only));
    },
  };
}

/** A checkpoint of training holds the backbone beside its heads. */
function unwrapped(name: string, { tensors }: WeightFile): string {
  const wrapper = WRAPPERS.exec(name)?.[0];
  if (wrapper === undefined) return name;
  // Of student and teacher the teacher is the model.
  if (wrapper.startsWith("student") && [...tensors.keys()].some((other) => other.startsWith("teacher.")))
    return name;
  return name.slice(wrapper.length);
}

function styleOf(names: readonly string[]): NamingStyle {
  if (names.some((name) => name.startsWith("embeddings.patch_embeddings.")))
    return names.some((name) => name.includes(".layernorm_before."))
      ? "transformers-vit"
      : "transformers-dinov2";
  const isOriginal = names.some(
    (name) =>
      name === "mask_token" ||
      name === "register_tokens" ||
      /\.mlp\.w12\./.test(name) ||
      /^blocks\.\d+\.\d+\./.test(name),
  );
  return isOriginal ? "dinov2" : "timm";
}

/** Renamings in order, on names whose block is `blocks.N.` already. */
const RENAMED: Readonly<Record<NamingStyle, readonly (readonly [RegExp, string])[]>> = {
  timm: [],
  dinov2: [
    [/^register_tokens$/, "reg_token"],
    [/^blocks\.\d+\.(\d+)\./, "blocks.$1."],
    [/\.mlp\.w12\./, ".mlp.fc1."],
    [/\.mlp\.w3\./, ".mlp.fc2."],
  ],
  "transformers-dinov2": [
    [/^embeddings\.register_tokens$/, "reg_token"],
    [/\.mlp\.weights_in\./, ".mlp.fc1."],
    [/\.mlp\.(weights_out|down_proj)\./, ".mlp.fc2."],
    [/\.layer_scale([12])\.lambda1$/, ".ls$1.gamma"],
  ],
  "transformers-vit": [
    [/\.layernorm_before\./, ".norm1."],
    [/\.layernorm_after\./, ".norm2."],
    [/\.intermediate\.dense\./, ".mlp.fc1."],
    [/^(blocks\.\d+)\.output\.dense\./, "$1.mlp.fc2."],
  ],
};

const TRANSFORMERS: readonly (readonly [RegExp, string])[] = [
  [/^embeddings\.cls_token$/, "cls_token"],
  [/^embeddings\.position_embeddings$/, "pos_embed"],
  [/^embeddings\.patch_embeddings\.projection\./, "patch_embed.proj."],
  [/^(?:encoder\.)?layers?\.(\d+)\./, "blocks.$1."],
  [/\.attention\.(?:attention\.)?(query|key|value|[qkv]_proj)\./, ".attn.$1."],
  [/\.attention\.(?:output\.dense|o_proj)\./, ".attn.proj."],
  [/^layernorm\./, "norm."],
];

/** Which part of a joined tensor a name is. */
const PARTS: readonly (readonly [RegExp, string, number])[] = [
  [/\.attn\.(?:query|q_proj)\.(weight|bias)$/, ".attn.qkv.$1", 0],
  [/\.attn\.(?:key|k_proj)\.(weight|bias)$/, ".attn.qkv.$1", 1],
  [/\.attn\.(?:value|v_proj)\.(weight|bias)$/, ".attn.qkv.$1", 2],
  [/\.mlp\.(?:fc1_g|gate_proj)\.(weight|bias)$/, ".mlp.fc1.$1", 0],
  [/\.mlp\.(?:fc1_x|up_proj)\.(weight|bias)$/, ".mlp.fc1.$1", 1],
];

function canonical(name: string, style: NamingStyle): { readonly to: string; readonly order: number } {
  const shared = style.startsWith("transformers") ? TRANSFORMERS : [];
  const renamed = [...shared, ...RENAMED[style]].reduce((text, [from, to]) => text.replace(from, to), name);
  const part = PARTS.find(([from]) => from.test(renamed));
  return part === undefined
    ? { to: renamed, order: 0 }
    : { to: renamed.replace(part[0], part[1]), order: part[2] };
}

/** Parts lie one after the other along the first axis. */
function joinedShape(shapes: readonly Shape[]): Shape {
  const [first = []] = shapes;
  if (shapes.length === 1) return first;
  return [shapes.reduce((sum, shape) => sum + (shape?.[0] ?? 0), 0), ...first.slice(1)];
}

function joined(tensors: readonly FloatTensor[]): FloatTensor {
  const [first] = tensors;
  if (first !== undefined && tensors.length === 1) return first;
  const shape = joinedShape(tensors.map((tensor) => tensor.shape));
  const data = new Float32Array(elementCount(shape));
  let offset = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, offset);
    offset += tensor.data.length;
  }
  return floatTensor(shape, data);
}

function twice(path: string, name: string, first: string, second: string): EpSamError {
  return new EpSamError("weights", {
    what: `holds ${name} twice`,
    where: path,
    why: `as ${first} and as ${second}`,
    action: "Give a checkpoint of one model.",
  });
}
