import type { ExpectedTensor } from "./state-dict.js";

const EMBEDDING = 256;
const ATTENTION_INNER = EMBEDDING / 2;
const MLP_HIDDEN = 2048;
const MASK_TOKENS = 4;

/**
 * Names and shapes of SAM's prompt encoder as in the original state dict (17 tensors):
 * `PromptEncoder(embed_dim=256, mask_in_chans=16)`.
 */
export function promptEncoderTensors(): ExpectedTensor[] {
  const tensors: ExpectedTensor[] = [
    { name: "pe_layer.positional_encoding_gaussian_matrix", shape: [2, EMBEDDING / 2] },
    ...[0, 1, 2, 3].map((index) => ({ name: `point_embeddings.${index}.weight`, shape: [1, EMBEDDING] })),
    { name: "not_a_point_embed.weight", shape: [1, EMBEDDING] },
    ...weightAndBias("mask_downscaling.0", [4, 1, 2, 2], 4),
    ...weightAndBias("mask_downscaling.1", [4], 4),
    ...weightAndBias("mask_downscaling.3", [16, 4, 2, 2], 16),
    ...weightAndBias("mask_downscaling.4", [16], 16),
    ...weightAndBias("mask_downscaling.6", [EMBEDDING, 16, 1, 1], EMBEDDING),
    { name: "no_mask_embed.weight", shape: [1, EMBEDDING] },
  ];
  return withPrefix("prompt_encoder", tensors);
}

/**
 * Names and shapes of SAM's mask decoder as in the original state dict (120 tensors): a two-way transformer
 * of depth 2, 8 heads and MLP width 2048, with three multi-mask outputs and an IoU head of depth 3.
 */
export function maskDecoderTensors(): ExpectedTensor[] {
  const tensors: ExpectedTensor[] = [
    ...[0, 1].flatMap((layer) => withPrefix(`transformer.layers.${layer}`, attentionBlockTensors())),
    ...attentionTensors("transformer.final_attn_token_to_image", ATTENTION_INNER),
    ...weightAndBias("transformer.norm_final_attn", [EMBEDDING], EMBEDDING),
    { name: "iou_token.weight", shape: [1, EMBEDDING] },
    { name: "mask_tokens.weight", shape: [MASK_TOKENS, EMBEDDING] },
    ...weightAndBias("output_upscaling.0", [EMBEDDING, 64, 2, 2], 64),
    ...weightAndBias("output_upscaling.1", [64], 64),
    ...weightAndBias("output_upscaling.3", [64, 32, 2, 2], 32),
    ...[0, 1, 2, 3].flatMap((token) => mlpTensors(`output_hypernetworks_mlps.${token}`, 32)),
    ...mlpTensors("iou_prediction_head", MASK_TOKENS),
  ];
  return withPrefix("mask_decoder", tensors);
}

function attentionBlockTensors(): ExpectedTensor[] {
  return [
    ...attentionTensors("self_attn", EMBEDDING),
    ...weightAndBias("norm1", [EMBEDDING], EMBEDDING),
    ...attentionTensors("cross_attn_token_to_image", ATTENTION_INNER),
    ...weightAndBias("norm2", [EMBEDDING], EMBEDDING),
    ...weightAndBias("mlp.lin1", [MLP_HIDDEN, EMBEDDING], MLP_HIDDEN),
    ...weightAndBias("mlp.lin2", [EMBEDDING, MLP_HIDDEN], EMBEDDING),
    ...weightAndBias("norm3", [EMBEDDING], EMBEDDING),
    ...weightAndBias("norm4", [EMBEDDING], EMBEDDING),
    ...attentionTensors("cross_attn_image_to_token", ATTENTION_INNER),
  ];
}

function attentionTensors(name: string, inner: number): ExpectedTensor[] {
  const inputs = ["q_proj", "k_proj", "v_proj"];
  return [
    ...inputs.flatMap((projection) => weightAndBias(`${name}.${projection}`, [inner, EMBEDDING], inner)),
    ...weightAndBias(`${name}.out_proj`, [EMBEDDING, inner], EMBEDDING),
  ];
}

function mlpTensors(name: string, outputs: number): ExpectedTensor[] {
  return [
    ...weightAndBias(`${name}.layers.0`, [EMBEDDING, EMBEDDING], EMBEDDING),
    ...weightAndBias(`${name}.layers.1`, [EMBEDDING, EMBEDDING], EMBEDDING),
    ...weightAndBias(`${name}.layers.2`, [outputs, EMBEDDING], outputs),
  ];
}

function weightAndBias(name: string, weightShape: readonly number[], biasLength: number): ExpectedTensor[] {
  return [
    { name: `${name}.weight`, shape: weightShape },
    { name: `${name}.bias`, shape: [biasLength] },
  ];
}

function withPrefix(prefix: string, tensors: readonly ExpectedTensor[]): ExpectedTensor[] {
  return tensors.map(({ name, shape }) => ({ name: `${prefix}.${name}`, shape }));
}
