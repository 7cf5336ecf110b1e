import { foundationDirectory } from "./foundation-file.js";
import { importOnnx } from "./import-onnx.js";
import { importTransformer } from "./import-transformer.js";
import type { ImportedFoundation, ImportFoundationOptions } from "./kept-model.js";

/**
 * Imports a foundation model: a vision transformer's weights of any format, which are recognised by names and shapes and
 * written as float32, one tensor at a time; or an encoder as ONNX with a YAML file beside it. It is run once before
 * anything is kept.
 * @throws EpSamError `weights` when it is no such model, `usage` when something has to be told or accepted, `storage`
 *   when the disk is too small; nothing is left behind then
 */
export async function importFoundation(
  path: string,
  options: ImportFoundationOptions,
): Promise<ImportedFoundation> {
  const directory = options.directory ?? foundationDirectory();
  return path.endsWith(".onnx")
    ? importOnnx(path, directory, options)
    : importTransformer(path, directory, options);
}
