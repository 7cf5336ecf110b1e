import { copyFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { z } from "zod";
import { describeIssues, EpSamError, exists, hashFile, readKeysFile } from "../../common/index.js";
import { floatTensor } from "../../graph/index.js";
import { modelSide } from "./foundation-file.js";
import {
  type ImportedFoundation,
  type ImportFoundationOptions,
  keepModel,
  nameOfFile,
  requireFree,
  requireName,
  threeNumbers,
  tryModel,
  type WrittenModel,
} from "./kept-model.js";
import { onnxLayout, onnxSignature, openSession, runOnce } from "./onnx-encoder.js";

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
  const batch = signature.batch ?? 1;
  const mean = threeNumbers("mean", facts.mean);
  const deviation = threeNumbers("deviation", facts.deviation);
  const session = await openSession(path, signature, batch, facts.size, options.device);
  const { size, stride, dropTokens } = facts;
  const grey = floatTensor([batch, 3, size, size]);
  grey.data.fill(200);
  const result = await runOnce(session, grey, { input: signature.input, mean, deviation }).finally(() =>
    session.close(),
  );
  const { layout, channels } = onnxLayout(path, result[signature.output]?.shape ?? [], {
    size,
    stride,
    dropTokens,
  });
  const name = requireName(options.name ?? nameOfFile(path));
  const yaml = await requireFree(directory, name, options);
  return keepModel(directory, name, yaml, async (folder) => {
    const stored = join(folder, "model.onnx");
    await copyFile(path, stored);
    for (const { file } of signature.data) await copyFile(join(dirname(path), file), join(folder, file));
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
    await tryModel(model, options);
    return { model, known: null, home: null, parameters: null, leftOut: [] };
  });
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
