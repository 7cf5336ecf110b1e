import { copyFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { z } from "zod";
import {
  describeIssues,
  EpSamError,
  exists,
  hashFile,
  isEpSamError,
  messageOf,
  readKeysFile,
} from "../../common/index.js";
import { floatTensor } from "../../graph/index.js";
import { modelSide } from "./foundation-file.js";
import {
  type ImportedFoundation,
  type ImportFoundationOptions,
  keepModel,
  nameOfFile,
  requireFree,
  requireName,
  requireRoom,
  threeNumbers,
  tryModel,
  type WrittenModel,
} from "./kept-model.js";
import { onnxLayout, openSession, runOnce } from "./onnx-encoder.js";
import { type OnnxSignature, onnxSignature, refused } from "./onnx-signature.js";

/** What has to be told beside an ONNX file. */
const yamlSchema = z.strictObject({
  title: z.string().optional(),
  size: modelSide,
  stride: modelSide,
  mean: z.array(z.number()).length(3),
  deviation: z.array(z.number().positive()).length(3),
  dropTokens: z.int().min(0).default(0),
  output: z.string().optional(),
  micronsPerPixel: z.number().positive().nullable().default(null),
  licence: z.string().default("not told"),
});

export async function importOnnx(
  path: string,
  directory: string,
  options: ImportFoundationOptions,
): Promise<ImportedFoundation> {
  const beside = `${path.slice(0, -extname(path).length)}.yaml`;
  const facts = await readBeside(path, beside);
  const signature = await onnxSignature(path, facts.output);
  requireSize(path, beside, signature, facts);
  const mean = threeNumbers("mean", facts.mean);
  const deviation = threeNumbers("deviation", facts.deviation);
  const name = requireName(options.name ?? nameOfFile(path));
  const yaml = await requireFree(directory, name, options);
  const files = [path, ...signature.data.map(({ file }) => join(dirname(path), file))];
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  await requireRoom(
    directory,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  return keepModel(directory, name, yaml, async (folder) => {
    const stored = join(folder, "model.onnx");
    // What is copied is run: links of a download cache, which lead out of its folder, are then files in ours.
    await copyFile(path, stored);
    for (const { file } of signature.data) await copyFile(join(dirname(path), file), join(folder, file));
    const { layout, channels } = await layoutOf({ path, stored, signature, facts, mean, deviation }, options);
    const { size, stride, dropTokens } = facts;
    const model: WrittenModel = {
      formatVersion: 1,
      name,
      title: facts.title ?? `Encoder of ${basename(path)}`,
      weights: stored,
      sha256: await hashFile(stored),
      size,
      stride,
      channels,
      mean,
      deviation,
      micronsPerPixel: options.micronsPerPixel ?? facts.micronsPerPixel,
      largePatches: "crops",
      licence: options.licence ?? facts.licence,
      licenceAccepted: options.acceptLicence === true,
      onnx: {
        input: signature.input,
        output: signature.output,
        layout,
        dropTokens,
        batch: signature.batch,
        data: [...signature.data],
      },
    };
    await tryModel(path, model, options);
    return { model, known: null, home: null, parameters: null, leftOut: [] };
  });
}

interface StoredEncoder extends Pick<WrittenModel, "mean" | "deviation"> {
  /** The user's file, and the copy of it. */
  readonly path: string;
  readonly stored: string;
  readonly signature: OnnxSignature;
  readonly facts: z.infer<typeof yamlSchema>;
}

/** How the features of an encoder are laid out, by running it once. */
async function layoutOf(
  { path, stored, signature, facts, mean, deviation }: StoredEncoder,
  { device }: ImportFoundationOptions,
): Promise<ReturnType<typeof onnxLayout>> {
  const batch = signature.batch ?? 1;
  const grey = floatTensor([batch, 3, facts.size, facts.size]);
  grey.data.fill(200);
  const run = async () => {
    const session = await openSession(stored, signature, batch, facts.size, device);
    return runOnce(session, grey, { input: signature.input, mean, deviation }).finally(() => session.close());
  };
  const result = await run().catch((cause: unknown) => {
    if (device.name !== "cpu" || !isEpSamError(cause, "device")) throw cause;
    throw refused(
      path,
      "cannot be run by ONNX Runtime",
      messageOf(cause.cause),
      "Export it again, for images of this size and a current opset_version.",
    );
  });
  return onnxLayout(path, result[signature.output]?.shape ?? [], facts);
}

async function readBeside(path: string, beside: string): Promise<z.infer<typeof yamlSchema>> {
  const form =
    "size: 224, stride: 14, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225], dropTokens: 1, micronsPerPixel: 0.5, licence: MIT";
  if (!(await exists(beside))) {
    throw new EpSamError("weights", {
      what: "needs a YAML file beside it",
      where: path,
      why: `there is no ${basename(beside)}, and an ONNX file does not tell how images are shown to it`,
      action: `Write it with these keys: ${form}.`,
    });
  }
  const keys = await readKeysFile(beside, `It needs ${form}.`);
  const result = yamlSchema.safeParse(keys.content);
  if (result.success) return result.data;
  throw new EpSamError("configuration", {
    what: describeIssues(result.error.issues, keys),
    where: beside,
    action: `It needs ${form}.`,
  });
}

function requireSize(
  path: string,
  beside: string,
  { height, width }: { readonly height: number | null; readonly width: number | null },
  { size }: { readonly size: number },
): void {
  const wrong = [height, width].find((side) => side !== null && side !== size);
  if (wrong === undefined || wrong === null) return;
  throw new EpSamError("weights", {
    what: `takes images of ${width ?? "any"}×${height ?? "any"} pixels`,
    where: path,
    why: `${basename(beside)} says ${size}`,
    action: `Correct size in ${basename(beside)}; images are square.`,
  });
}
