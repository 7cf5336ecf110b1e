import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { closing, isEpSamError, messageOf, RandomAccessFile } from "../../common/index.js";
import { slideError } from "../slide-error.js";
import { type DicomInstance, openInstance } from "./instance.js";
import { isDicom } from "./parse.js";

/** Open files of one slide; whoever gets it closes them. */
export interface DicomSeries {
  /** The file that was named; the first found when a folder was. */
  readonly main: DicomInstance;
  /** All, with the main one. */
  readonly instances: readonly DicomInstance[];
  readonly warnings: readonly string[];
}

const MAGIC_BYTES = 132;
const MAX_FILES_OF_A_SERIES = 512;

/**
 * Opens the files of the slide that `path` belongs to: a file and those of its series beside it, or a folder's.
 * @throws EpSamError `slide` when the file is damaged, or the folder holds none or more than one slide
 */
export async function openSeries(path: string): Promise<DicomSeries> {
  const status = await stat(path).catch((cause: unknown) => {
    throw slideError(path, "cannot be opened", messageOf(cause), "Check the path and its spelling.", cause);
  });
  if (status.isDirectory()) return openFolder(path);
  const main = await openInstance(path);
  const folder = dirname(path);
  const candidates = main.series === "" ? [] : await siblings(folder, basename(path));
  return gather(folder, candidates, main, (other) => (other.series === main.series ? "take" : "leave"));
}

/** DICOM files of one slide. */
export interface DicomGroup {
  /** Null for a file that cannot be read or names no series, which is alone: opening it tells why. */
  readonly series: string | null;
  /** In the order given. */
  readonly paths: readonly string[];
}

/** Files of DICOM slides, those of a series together. */
export async function groupDicomFiles(paths: readonly string[]): Promise<DicomGroup[]> {
  const groups: DicomGroup[] = [];
  for (const path of paths) {
    const series = await seriesOf(path);
    const at = series === null ? -1 : groups.findIndex((group) => group.series === series);
    const known = groups[at];
    if (known === undefined) groups.push({ series, paths: [path] });
    else groups[at] = { series, paths: [...known.paths, path] };
  }
  return groups;
}

async function seriesOf(path: string): Promise<string | null> {
  try {
    const { series, file } = await openInstance(path);
    await file.close();
    return series === "" ? null : series;
  } catch (cause) {
    if (isEpSamError(cause, "slide")) return null;
    throw cause;
  }
}

/** True for a file that may be DICOM by its name, `.dcm`, none, or the numbers of a UID, and begins as such. */
export async function isDicomFile(path: string): Promise<boolean> {
  if (!hasDicomName(path)) return false;
  try {
    return await looksLikeDicom(path);
  } catch (cause) {
    if (isEpSamError(cause, "slide")) return false;
    throw cause;
  }
}

function hasDicomName(name: string): boolean {
  return /^(?:|\.dcm|\.dicom|\.\d+)$/i.test(extname(name));
}

async function openFolder(folder: string): Promise<DicomSeries> {
  let series: string | undefined;
  const found = await gather(folder, await siblings(folder, null), null, (other) => {
    series ??= other.series;
    if (other.series === series) return "take";
    throw slideError(
      folder,
      "holds several slides",
      `series ${series} and ${other.series}`,
      "Give one of its files instead.",
    );
  });
  return found;
}

async function gather(
  folder: string,
  candidates: readonly string[],
  named: DicomInstance | null,
  judge: (other: DicomInstance) => "take" | "leave",
): Promise<DicomSeries> {
  const instances = named === null ? [] : [named];
  const warnings: string[] = [];
  try {
    for (const candidate of candidates) {
      if (!(await looksLikeDicom(candidate))) continue;
      const instance = await openCandidate(candidate, warnings);
      if (instance === null) continue;
      instances.push(instance);
      if (judge(instance) === "leave" || isCopy(instance, instances)) {
        instances.pop();
        await instance.file.close();
      }
      if (instances.length > MAX_FILES_OF_A_SERIES) {
        throw slideError(instance.file.path, "belongs to a series of too many files", undefined);
      }
    }
    const [main] = instances;
    if (main !== undefined) return { main, instances, warnings };
    throw slideError(folder, "holds no DICOM whole-slide image", warnings[0]);
  } catch (cause) {
    await closeAll(instances);
    throw cause;
  }
}

/** A second file of the same instance, such as a backup. */
function isCopy(instance: DicomInstance, instances: readonly DicomInstance[]): boolean {
  const { sopInstance } = instance;
  return (
    sopInstance !== "" && instances.some((other) => other !== instance && other.sopInstance === sopInstance)
  );
}

/** Files of a folder that may be DICOM by their name. */
async function siblings(folder: string, except: string | null): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== except)
    .filter(({ name }) => hasDicomName(name))
    .map(({ name }) => join(folder, name))
    .sort();
}

async function looksLikeDicom(path: string): Promise<boolean> {
  return closing(RandomAccessFile.open(path, slideError), async (file) => {
    return file.size >= MAGIC_BYTES && isDicom(await file.read(0, MAGIC_BYTES, "the preamble"));
  });
}

/** Another file's damage does not stop the slide, but is told. */
async function openCandidate(path: string, warnings: string[]): Promise<DicomInstance | null> {
  try {
    return await openInstance(path);
  } catch (cause) {
    if (!isEpSamError(cause, "slide")) throw cause;
    warnings.push(`left out ${cause.message}`);
    return null;
  }
}

export async function closeAll(instances: readonly DicomInstance[]): Promise<void> {
  await Promise.all(instances.map(({ file }) => file.close()));
}
