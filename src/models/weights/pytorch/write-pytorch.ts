import { EpSamError } from "../../../common/index.js";
import { elementCount, type FloatTensor } from "../../../graph/index.js";
import { encodeStateDict } from "./pickle-writer.js";
import { encodeZip, type ZipContent } from "./zip-writer.js";

/** Name of the folder inside the archive; PyTorch uses it when it does not know the file's name. */
const FOLDER = "archive";

/**
 * The bytes of a `.pth` file as PyTorch 1.6 and later write it: an `OrderedDict` of float32 tensors, readable with
 * `torch.load(path, weights_only=True)`. The same tensors give the same bytes.
 * @throws EpSamError `internal` when a tensor's data does not fill its shape
 */
export function encodePytorch(tensors: ReadonlyMap<string, FloatTensor>): Uint8Array {
  const ordered = [...tensors];
  for (const [name, { shape, data }] of ordered) {
    if (elementCount(shape) === data.length) continue;
    throw new EpSamError("internal", {
      what: `tensor "${name}" cannot be written as a PyTorch checkpoint`,
      why: `shape [${shape.join(", ")}], ${data.length} values`,
    });
  }
  const contents: ZipContent[] = [
    {
      name: `${FOLDER}/data.pkl`,
      bytes: encodeStateDict(ordered.map(([name, { shape }]) => ({ name, shape }))),
    },
    { name: `${FOLDER}/byteorder`, bytes: new TextEncoder().encode("little") },
    ...ordered.map(([, { data }], index) => ({
      name: `${FOLDER}/data/${index}`,
      bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    })),
    { name: `${FOLDER}/version`, bytes: new TextEncoder().encode("3\n") },
  ];
  return encodeZip(contents);
}
