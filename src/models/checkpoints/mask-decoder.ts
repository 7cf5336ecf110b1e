import { EpSamError } from "../../common/index.js";
import {
  loadSamOnnxDecoder,
  maskDecoderTensors,
  matchStateDict,
  type OpenWeightsOptions,
  promptEncoderTensors,
  type StateDict,
  type WeightFile,
} from "../weights/index.js";
import {
  besideStateDict,
  groupedNames,
  type LoadedWeights,
  openModelWeights,
  readFloatTensors,
  renamedWeights,
} from "./model-weights.js";

const DECODER = "mask_decoder.";
const PROMPT_ENCODER = "prompt_encoder.";

/** A mask decoder from a file. */
export interface LoadedDecoder extends LoadedWeights {
  /** The prompt encoder that came with it, when the file holds a whole SAM. */
  readonly promptEncoder: StateDict | undefined;
}

/**
 * Loads SAM's mask decoder: from the authors' `*_decoder_iterN.pth`, any other file that holds it alone (with or
 * without `mask_decoder.` before the names), a whole SAM or fine-tune such as MedSAM, or SAM's decoder in ONNX.
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape
 */
export async function loadMaskDecoder(path: string, open: OpenWeightsOptions = {}): Promise<LoadedDecoder> {
  const file = await openDecoder(path, open);
  try {
    if (file.format === "onnx") return await decoderFromOnnx(file);
    const names = [...file.tensors.keys()];
    const part = new Map([...file.tensors].filter(([name]) => name.startsWith(DECODER)));
    if (part.size === 0) throw noDecoder(file);
    const matched = matchStateDict(maskDecoderTensors(), part, { file: path });
    const rest = names.filter((name) => !name.startsWith(DECODER));
    return {
      file: path,
      format: file.format,
      weights: await readFloatTensors(file, [...matched.keys()]),
      promptEncoder: await promptEncoderOf(file),
      leftOut: [
        ...besideStateDict(file),
        ...(rest.length === 0 ? [] : [{ names: groupedNames(rest), why: "other parts of SAM" }]),
      ],
    };
  } finally {
    await file.close();
  }
}

/** Names without `mask_decoder.` get it. */
async function openDecoder(path: string, open: OpenWeightsOptions): Promise<WeightFile> {
  const file = await openModelWeights(path, open);
  const isBare = file.tensors.has("iou_token.weight") && file.tensors.has("mask_tokens.weight");
  return isBare ? renamedWeights(file, (name) => DECODER + name) : file;
}

async function decoderFromOnnx({ path }: WeightFile): Promise<LoadedDecoder> {
  const all = await loadSamOnnxDecoder(path);
  const part = (prefix: string) => new Map([...all].filter(([name]) => name.startsWith(prefix)));
  return {
    file: path,
    format: "onnx",
    weights: part(DECODER),
    promptEncoder: part(PROMPT_ENCODER),
    leftOut: [{ names: groupedNames([...part(PROMPT_ENCODER).keys()]), why: "other parts of SAM" }],
  };
}

async function promptEncoderOf(file: WeightFile): Promise<StateDict | undefined> {
  const expected = promptEncoderTensors().map(({ name }) => name);
  if (!expected.every((name) => file.tensors.has(name))) return undefined;
  return readFloatTensors(file, expected);
}

function noDecoder({ path, tensors }: WeightFile): EpSamError {
  return new EpSamError("weights", {
    what: "does not hold SAM's mask decoder",
    where: path,
    why: `no name begins with ${DECODER}; it begins with ${[...tensors.keys()].slice(0, 3).join(", ")}`,
    action: "Give a checkpoint of SAM or of its mask decoder with the original names.",
  });
}
