import type { RandomAccessFile } from "../../../common/index.js";
import { weightsError } from "../weights-error.js";
import { type Container, LARGEST_PICKLE, readPickles, refused } from "./container.js";
import { contentStart, readZipDirectory, type ZipEntry } from "./zip-archive.js";

/**
 * Opens the layout of PyTorch 1.6 and later: a ZIP archive with `NAME/data.pkl` and a file `NAME/data/KEY` for each
 * storage.
 * @throws EpSamError `weights` when it is damaged, of a big-endian machine, or holds more than tensors
 */
export async function openZipContainer(file: RandomAccessFile): Promise<Container> {
  const entries = await readZipDirectory(file);
  const { pickle, folder } = findPickle(file, entries);
  if (entries.has(`${folder}/constants.pkl`) || hasCode(entries, folder)) {
    throw refused(file, "it is a TorchScript program");
  }
  await requireLittleEndian(file, entries.get(`${folder}/byteorder`));
  if (pickle.size > LARGEST_PICKLE) throw refused(file, `its pickle takes ${pickle.size} bytes`);
  const bytes = await file.read(await contentStart(file, pickle), pickle.size);
  const { pickles } = readPickles(file, bytes, 1);
  return {
    root: pickles[0]?.value ?? null,
    storage: async (key) => {
      const entry = entries.get(`${folder}/data/${key}`);
      if (entry === undefined) {
        throw weightsError(file.path, undefined, `has no storage "${key}"`, "the archive lacks an entry");
      }
      return { start: await contentStart(file, entry), length: entry.size };
    },
  };
}

function findPickle(file: RandomAccessFile, entries: ReadonlyMap<string, ZipEntry>) {
  for (const [name, pickle] of entries) {
    const folder = /^([^/]+)\/data\.pkl$/.exec(name)?.[1];
    if (folder !== undefined) return { pickle, folder };
  }
  throw weightsError(
    file.path,
    undefined,
    "is a ZIP archive, but not one that PyTorch wrote",
    "it holds no data.pkl",
    "Give the .pth or .pt file itself; unpack archives of several files first.",
  );
}

function hasCode(entries: ReadonlyMap<string, ZipEntry>, folder: string): boolean {
  return [...entries.keys()].some((name) => name.startsWith(`${folder}/code/`));
}

async function requireLittleEndian(file: RandomAccessFile, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined || entry.size > 16) return;
  const order = new TextDecoder().decode(await file.read(await contentStart(file, entry), entry.size));
  if (order !== "big") return;
  throw weightsError(
    file.path,
    undefined,
    "was written on a big-endian machine",
    undefined,
    "Save it again on a common machine.",
  );
}
