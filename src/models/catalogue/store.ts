import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  cacheDirectory,
  EpSamError,
  exists,
  hashFile,
  isEpSamError,
  type Reporter,
  readJson,
  silentReporter,
  storageError,
  writeFileAtomically,
} from "../../common/index.js";
import { type DownloadPatience, defaultPatience, download } from "./download.js";
import { type CatalogueEntry, catalogue } from "./entries.js";

/** Where downloaded models lie: `models` in the cache directory, shared by all runs of a user. */
export function modelDirectory(): string {
  return join(cacheDirectory(), "models");
}

/** The entry of a name. @throws EpSamError `usage` listing the names there are */
export function catalogueEntry(name: string, entries = catalogue): CatalogueEntry {
  const found = entries.find((entry) => entry.name === name.toLowerCase());
  if (found !== undefined) return found;
  throw new EpSamError("usage", {
    what: `"${name}" is not in the catalogue`,
    where: "epsam models pull",
    action: `Choose from ${entries.map((entry) => entry.name).join(", ")}.`,
  });
}

/** What is known of a file that was checked; it lies beside the file. */
const recordSchema = z.object({
  sha256: z.string(),
  bytes: z.number(),
  source: z.string().nullable(),
  checkedAt: z.string(),
});

/** How an entry stands on this machine. */
export interface StoredModel {
  /** Where the file is, or belongs. */
  readonly path: string;
  /** `partial`: a download was interrupted. `unchecked`: the file was put there by hand, or changed since. */
  readonly state: "absent" | "partial" | "unchecked" | "checked";
  /** Of the checked file. */
  readonly sha256: string | undefined;
}

/** How an entry stands, from sizes and records alone; {@link pullModel} reads the bytes. */
export async function storedModel(
  entry: CatalogueEntry,
  directory: string = modelDirectory(),
): Promise<StoredModel> {
  const path = join(directory, entry.file);
  if (!(await exists(path))) {
    return { path, state: (await exists(partOf(path))) ? "partial" : "absent", sha256: undefined };
  }
  const record = await readRecord(path);
  const isSame = record !== undefined && (await stat(path)).size === record.bytes;
  return isSame
    ? { path, state: "checked", sha256: record.sha256 }
    : { path, state: "unchecked", sha256: undefined };
}

export interface PullOptions {
  readonly directory?: string | undefined;
  readonly patience?: DownloadPatience | undefined;
  readonly reporter?: Reporter | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PulledModel {
  readonly path: string;
  readonly sha256: string;
  /** The file was there already and is as it should be. */
  readonly wasThere: boolean;
  /** Nothing is published to compare the hash with; it was recorded for the next time. */
  readonly isFirstHash: boolean;
}

/**
 * Fetches the weights of an entry into the cache, unless they are there, and checks them. A download goes on where
 * it broke off; the file appears under its name only when its hash is right.
 * @throws EpSamError `weights` when it cannot be fetched from anywhere or is not what was published, saying where
 *   to put a copy; `storage` when the disk is full
 */
export async function pullModel(entry: CatalogueEntry, options: PullOptions = {}): Promise<PulledModel> {
  const { directory = modelDirectory(), reporter = silentReporter } = options;
  const path = join(directory, entry.file);
  await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
    throw storageError(directory, cause);
  });
  const earlier = (await readRecord(path))?.sha256;
  if (await exists(path)) {
    const sha256 = await checkPresent(entry, path, earlier);
    const record = { sha256, source: null };
    if (earlier !== sha256) await writeRecord(path, entry, record);
    return { path, sha256, wasThere: true, isFirstHash: entry.sha256 === null && earlier === undefined };
  }
  const failures: string[] = [];
  for (const url of entry.sources) {
    try {
      const sha256 = await fetchFrom(url, entry, path, earlier, options);
      return { path, sha256, wasThere: false, isFirstHash: entry.sha256 === null && earlier === undefined };
    } catch (failure) {
      if (!isEpSamError(failure, "weights")) throw failure;
      failures.push(`${url}: ${failure.fields.why ?? failure.fields.what}`);
      reporter.warn(`${failure.message}`);
    }
  }
  throw unobtainable(entry, path, failures);
}

async function fetchFrom(
  url: string,
  entry: CatalogueEntry,
  path: string,
  earlier: string | undefined,
  { patience = defaultPatience, reporter = silentReporter, signal }: PullOptions,
): Promise<string> {
  const part = partOf(path);
  const { bytes, name } = entry;
  const onProgress = (done: number) => reporter.progress({ task: name, done, total: bytes });
  const onTrouble = (message: string) => reporter.note(`${name}: ${message}`);
  await download({ url, part, bytes, patience, onProgress, onTrouble, signal });
  const sha256 = await hashFile(part);
  const expected = entry.sha256 ?? earlier;
  if (expected !== undefined && sha256 !== expected) {
    // Whatever was there cannot be continued: which byte is wrong, nobody knows.
    await rm(part, { force: true });
    throw new EpSamError("weights", {
      what: "gave another file than was published",
      where: url,
      why: `its SHA-256 is ${sha256}, not ${expected}`,
    });
  }
  await writeRecord(path, entry, { sha256, source: url });
  await land(part, path);
  return sha256;
}

async function land(part: string, path: string): Promise<void> {
  try {
    const file = await open(part, "r+");
    await file.sync().finally(() => file.close());
    await rename(part, path);
  } catch (cause) {
    throw storageError(path, cause);
  }
}

/** Checks a file that is there already, perhaps put there by hand. @returns its SHA-256 */
async function checkPresent(
  entry: CatalogueEntry,
  path: string,
  earlier: string | undefined,
): Promise<string> {
  const sha256 = await hashFile(path);
  const expected = entry.sha256 ?? earlier;
  if (expected === undefined || sha256 === expected) return sha256;
  const { size } = await stat(path);
  throw new EpSamError("weights", {
    what: `is not the published ${entry.file}`,
    where: path,
    why: `its SHA-256 is ${sha256} (${size} bytes), not ${expected} (${entry.bytes} bytes)`,
    action: `Delete it and run \`epsam models pull ${entry.name}\` again.`,
  });
}

function unobtainable(entry: CatalogueEntry, path: string, failures: readonly string[]): EpSamError {
  const hash = entry.sha256 === null ? "" : `, SHA-256 ${entry.sha256}`;
  return new EpSamError("weights", {
    what: `${entry.name} cannot be downloaded`,
    why: failures.join("; "),
    action:
      `Without a network: fetch ${entry.sources[0]} elsewhere (${entry.bytes} bytes${hash}), ` +
      `save it as ${path}, and run \`epsam models pull ${entry.name}\` to check it.`,
  });
}

const partOf = (path: string): string => `${path}.part`;
const recordOf = (path: string): string => `${path}.json`;

async function readRecord(path: string) {
  const file = recordOf(path);
  if (!(await exists(file))) return undefined;
  return readJson(file, recordSchema, {
    tag: "weights",
    what: "is damaged",
    action: "Delete it; the file beside it is then checked again.",
  });
}

async function writeRecord(
  path: string,
  { bytes }: CatalogueEntry,
  { sha256, source }: { readonly sha256: string; readonly source: string | null },
): Promise<void> {
  const record = { sha256, bytes, source, checkedAt: new Date().toISOString() };
  await writeFileAtomically(recordOf(path), `${JSON.stringify(record, null, 2)}\n`);
}
