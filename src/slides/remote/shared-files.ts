import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  createFileAtomically,
  EpSamError,
  exists,
  isRemotePath,
  mapConcurrently,
  remotePath,
  writeFileAtomically,
} from "../../common/index.js";
import { createInBucket, readFromBucket, removeFromBucket, writeToBucket } from "./bucket-files.js";
import { listBucket } from "./list-bucket.js";

/** Requests to a bucket at a time. */
const AT_ONCE = 16;

/**
 * Small files that several processes share, on one machine or on many: in a folder that all see, or under a prefix of a
 * bucket. A file is there whole or not at all. Names are relative, with slashes.
 */
export interface SharedFiles {
  /** The folder, or `s3://BUCKET/PREFIX` without a slash at its end. */
  readonly root: string;
  /** Null where there is none. @throws EpSamError `storage` */
  read(name: string): Promise<Uint8Array | null>;
  /** @throws EpSamError `storage`; what was there before stays */
  write(name: string, data: Uint8Array | string): Promise<void>;
  /** Writes a file unless one is there. @returns whether it did; what is there then may still be another's, so read it */
  create(name: string, text: string): Promise<boolean>;
  /** Removes a file; one that is not there is no mistake. */
  remove(name: string): Promise<void>;
  /** Removes a folder and all that is in it. */
  removeFolder(name: string): Promise<void>;
  /** Names of the files that are directly in a folder. */
  namesIn(folder: string): Promise<string[]>;
  /** Those of these names that are in a folder. */
  present(folder: string, names: readonly string[]): Promise<ReadonlySet<string>>;
}

/**
 * @param root a folder, or `s3://BUCKET/PREFIX`
 * @throws EpSamError `usage` for an address of no bucket
 */
export function sharedFiles(root: string): SharedFiles {
  return isRemotePath(root) ? new FilesInBucket(placeInBucket(root)) : new FilesInFolder(root);
}

/**
 * A place that can be written to, without a slash at its end.
 * @param address `s3://BUCKET/PREFIX`
 * @throws EpSamError `usage` for any other
 */
export function placeInBucket(address: string): string {
  const place = remotePath(address).replace(/\/+$/, "");
  if (/^s3:/.test(place)) return place;
  throw new EpSamError("usage", {
    where: place,
    what: "is no place to write to",
    action: "Give a folder, or s3://BUCKET/PREFIX, as `out`.",
  });
}

/** As text, null where there is none. */
export async function readSharedText(files: SharedFiles, name: string): Promise<string | null> {
  const bytes = await files.read(name);
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

class FilesInFolder implements SharedFiles {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async read(name: string): Promise<Uint8Array | null> {
    const path = join(this.root, name);
    return (await exists(path)) ? readFile(path) : null;
  }

  write(name: string, data: Uint8Array | string): Promise<void> {
    return writeFileAtomically(join(this.root, name), data);
  }

  create(name: string, text: string): Promise<boolean> {
    return createFileAtomically(join(this.root, name), text);
  }

  remove(name: string): Promise<void> {
    return rm(join(this.root, name), { force: true });
  }

  removeFolder(name: string): Promise<void> {
    return rm(join(this.root, name), { recursive: true, force: true });
  }

  async namesIn(folder: string): Promise<string[]> {
    const path = join(this.root, folder);
    return (await exists(path)) ? readdir(path) : [];
  }

  async present(folder: string, names: readonly string[]): Promise<ReadonlySet<string>> {
    const there = await mapConcurrently(names, AT_ONCE, (name) => exists(join(this.root, folder, name)));
    return new Set(names.filter((_, index) => there[index] === true));
  }
}

class FilesInBucket implements SharedFiles {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  #path(name: string): string {
    return `${this.root}/${name}`;
  }

  read(name: string): Promise<Uint8Array | null> {
    return readFromBucket(this.#path(name));
  }

  write(name: string, data: Uint8Array | string): Promise<void> {
    return writeToBucket(this.#path(name), data);
  }

  create(name: string, text: string): Promise<boolean> {
    return createInBucket(this.#path(name), text);
  }

  remove(name: string): Promise<void> {
    return removeFromBucket(this.#path(name));
  }

  async removeFolder(name: string): Promise<void> {
    const { files, folders } = await this.#list(`${name}/`);
    await mapConcurrently(files, AT_ONCE, (path) => removeFromBucket(path));
    for (const folder of folders) await this.removeFolder(folder.slice(this.root.length + 1, -1));
  }

  async namesIn(folder: string): Promise<string[]> {
    return this.#namesWith(folder, "");
  }

  /** One list for all of them, of what begins as they do. */
  async present(folder: string, names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    const there = new Set(await this.#namesWith(folder, commonBeginning(names)));
    return new Set(names.filter((name) => there.has(name)));
  }

  async #namesWith(folder: string, beginning: string): Promise<string[]> {
    const { files } = await this.#list(`${folder}/${beginning}`);
    return files.map((path) => path.slice(this.root.length + folder.length + 2));
  }

  #list(prefix: string) {
    return listBucket(this.#path(prefix), undefined, { most: Number.POSITIVE_INFINITY });
  }
}

function commonBeginning(names: readonly string[]): string {
  const [first = "", ...others] = names;
  let length = first.length;
  for (const name of others) {
    while (!name.startsWith(first.slice(0, length))) length -= 1;
  }
  return first.slice(0, length);
}
