import {
  type Device,
  type FloatTensor,
  floatTensor,
  formatShape,
  type HostTensor,
  OnnxFileSession,
  type Shape,
} from "../../graph/index.js";
import type { TokenEncoder } from "./foundation-features.js";
import { type FoundationModel, foundationWeights } from "./foundation-file.js";
import { type OnnxSignature, onnxSignature, refused } from "./onnx-signature.js";

/** What is told of an encoder beside its file. */
export interface OnnxFacts {
  readonly size: number;
  readonly stride: number;
  readonly dropTokens: number;
}

/**
 * How the output of a run is laid out.
 * @throws EpSamError `weights` when it is neither a map nor tokens of images of this size
 */
export function onnxLayout(
  path: string,
  shape: Shape,
  { size, stride, dropTokens }: OnnxFacts,
): { readonly layout: "map" | "tokens"; readonly channels: number } {
  const cells = Math.floor(size / stride);
  const [, second = 0, third = 0, fourth = 0] = shape;
  if (shape.length === 4 && third === cells && fourth === cells) return { layout: "map", channels: second };
  if (shape.length === 3 && second === dropTokens + cells * cells)
    return { layout: "tokens", channels: third };
  const expected = `[N, C, ${cells}, ${cells}] or [N, ${dropTokens + cells * cells}, C]`;
  if (shape.length === 2) {
    throw refused(
      path,
      "gives one vector for an image",
      `its output is ${formatShape(shape)}: that of a head, where features of every place are needed, ${expected}`,
    );
  }
  const surplus = shape.length === 3 ? second - cells * cells : 0;
  throw refused(
    path,
    "gives features of another layout",
    `its output is ${formatShape(shape)}; images of ${size} pixels with the stride ${stride} need ${expected}`,
    surplus > 0
      ? `Correct size, stride or dropTokens in its YAML file; ${surplus} tokens before those of the image would fit.`
      : "Correct size, stride or dropTokens in its YAML file.",
  );
}

/** An encoder in an ONNX file, for images of one size. */
export class OnnxEncoder implements TokenEncoder {
  readonly #model: FoundationModel;
  readonly #session: OnnxFileSession;
  readonly #cells: number;

  private constructor(model: FoundationModel, session: OnnxFileSession) {
    this.#model = model;
    this.#session = session;
    this.#cells = Math.floor(model.size / model.stride);
  }

  /** @throws EpSamError `weights` when the file is not as it was imported, `device` when the device cannot run it */
  static async open(model: FoundationModel, batchSize: number, device: Device): Promise<OnnxEncoder> {
    const path = foundationWeights(model);
    const signature = await onnxSignature(path, model.onnx?.output);
    for (const { file, sha256 } of model.onnx?.data ?? []) {
      if (signature.data.some((own) => own.file === file && own.sha256 === sha256)) continue;
      throw refused(
        path,
        "has changed since it was imported",
        `the weights in ${file} are others`,
        "Import it again.",
      );
    }
    return new OnnxEncoder(model, await openSession(path, signature, batchSize, model.size, device));
  }

  async run(images: FloatTensor): Promise<Float32Array> {
    const { onnx, channels, mean, deviation } = this.#model;
    const result = await runOnce(this.#session, images, { input: onnx?.input ?? "", mean, deviation });
    const output = result[onnx?.output ?? ""];
    const data = output?.dataType === "float32" ? output.data : new Float32Array();
    if (onnx?.layout === "map") return data;
    return mapsOfTokens(data, images.shape[0] ?? 1, {
      channels,
      cells: this.#cells ** 2,
      drop: onnx?.dropTokens ?? 0,
    });
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** Opens an encoder's file with the sizes that it leaves open. */
export function openSession(
  path: string,
  { open }: Pick<OnnxSignature, "open">,
  batchSize: number,
  size: number,
  device: Device,
): Promise<OnnxFileSession> {
  const sizes = [
    [open.batch, batchSize],
    [open.height, size],
    [open.width, size],
  ] as const;
  const known = sizes.flatMap(([name, value]) =>
    name === undefined || name === "" ? [] : [[name, value] as const],
  );
  return OnnxFileSession.open(path, device, {
    what: `the encoder ${path}`,
    sizes: Object.fromEntries(known),
  });
}

/** Runs an encoder on colours from 0 to 255. */
export function runOnce(
  session: OnnxFileSession,
  images: FloatTensor,
  { input, mean, deviation }: { readonly input: string } & Pick<FoundationModel, "mean" | "deviation">,
): Promise<Record<string, HostTensor>> {
  const [, , height = 1, width = 1] = images.shape;
  const pixels = height * width;
  const normalised = images.data.map((value, index) => {
    const channel = Math.floor(index / pixels) % 3;
    return (value / 255 - (mean[channel] ?? 0)) / (deviation[channel] ?? 1);
  });
  return session.run({ [input]: floatTensor(images.shape, normalised) });
}

/** [N, drop + cells, channels] → [N, channels, cells]. */
function mapsOfTokens(
  data: Float32Array,
  images: number,
  { channels, cells, drop }: { readonly channels: number; readonly cells: number; readonly drop: number },
): Float32Array {
  const maps = new Float32Array(images * channels * cells);
  for (let image = 0; image < images; image++) {
    for (let cell = 0; cell < cells; cell++) {
      const token = (image * (drop + cells) + drop + cell) * channels;
      for (let channel = 0; channel < channels; channel++) {
        maps[(image * channels + channel) * cells + cell] = data[token + channel] ?? 0;
      }
    }
  }
  return maps;
}
