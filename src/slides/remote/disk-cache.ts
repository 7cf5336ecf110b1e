import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { crc32, exists, hashBytes, storageError } from "../../common/index.js";
import { BLOCK_BYTES } from "./blocks.js";
import type { RemoteVersion } from "./range-source.js";
import { remoteSettings } from "./settings.js";

/*
 * Blocks of remote files on disk, in packs: NAME.data holds blocks one after another, NAME.index for each its number in
 * the file and its CRC-32, which says whether the block was written whole. A process writes packs of its own and reads
 * those of others, so processes share them without knowing of one another. The oldest packs leave when it is too much.
 */

const ENTRY_BYTES = 8;
/** Most bytes of one pack, and as a share of the cache: packs leave as a whole. */
const PACK_BYTES = 32 * 2 ** 20;
const PACK_SHARE = 1 / 16;
/** What is left after packs were removed, as a share of the limit. */
const KEPT_SHARE = 0.9;

/** Where a block lies. */
interface Slot {
  readonly pack: string;
  readonly slot: number;
  readonly crc: number;
}

/** Bytes in the whole cache as far as this process knows; null before it looked. */
let total: number | null = null;
/** Packs that this process writes to. */
const growing = new Set<string>();

/**
 * What is kept of one version of a file; null when nothing is to be kept on disk, or the server tells nothing by which
 * another process could know the version.
 */
export async function openDiskBlocks(path: string, version: RemoteVersion): Promise<DiskBlocks | null> {
  const { cacheBytes, cacheFolder } = remoteSettings();
  const { size, etag, modified } = version;
  if (cacheBytes === 0 || (etag === null && modified === null)) return null;
  const folder = join(cacheFolder, hashBytes(JSON.stringify([path, size, etag, modified])).slice(0, 32));
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw storageError(folder, cause);
  });
  return new DiskBlocks(folder, size, await readIndexes(folder));
}

async function readIndexes(folder: string): Promise<Map<number, Slot>> {
  const slots = new Map<number, Slot>();
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".index")) continue;
    const pack = join(folder, name.slice(0, -".index".length));
    const bytes = await readFile(`${pack}.index`);
    for (let slot = 0; (slot + 1) * ENTRY_BYTES <= bytes.length; slot++) {
      const at = slot * ENTRY_BYTES;
      slots.set(bytes.readUInt32LE(at), { pack, slot, crc: bytes.readUInt32LE(at + 4) });
    }
  }
  return slots;
}

/** A pack that grows. */
interface Growing {
  readonly name: string;
  readonly data: FileHandle;
  readonly index: FileHandle;
  blocks: number;
}

export class DiskBlocks {
  readonly #folder: string;
  readonly #size: number;
  readonly #slots: Map<number, Slot>;
  readonly #open = new Map<string, FileHandle>();
  #growing: Growing | null = null;
  /** Writing takes turns. */
  #turn: Promise<void> = Promise.resolve();

  constructor(folder: string, size: number, slots: Map<number, Slot>) {
    this.#folder = folder;
    this.#size = size;
    this.#slots = slots;
  }

  /** Those of the blocks that are there, whole. */
  async read(blocks: readonly number[]): Promise<[number, Uint8Array][]> {
    const found: [number, Uint8Array][] = [];
    for (const block of blocks) {
      const slot = this.#slots.get(block);
      const bytes = slot === undefined ? null : await this.#readSlot(slot, this.#lengthOf(block));
      if (bytes !== null) found.push([block, bytes]);
    }
    return found;
  }

  /** Keeps the blocks that bytes are, from `first` on. @throws EpSamError `storage` when the disk is full */
  write(first: number, bytes: Uint8Array): Promise<void> {
    const written = this.#turn.then(() => this.#append(first, bytes));
    this.#turn = written.catch(() => undefined);
    return written;
  }

  /** Closes files until it is used again. */
  async rest(): Promise<void> {
    await this.#turn;
    await this.#endPack();
    const handles = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(handles.map((handle) => handle.close()));
  }

  #lengthOf(block: number): number {
    return Math.min(BLOCK_BYTES, this.#size - block * BLOCK_BYTES);
  }

  /** Null for a block that was not written whole, or whose pack another process removed. */
  async #readSlot({ pack, slot, crc }: Slot, length: number): Promise<Uint8Array | null> {
    let handle = this.#open.get(pack);
    if (handle === undefined) {
      if (!(await exists(`${pack}.data`))) return null;
      handle = await open(`${pack}.data`, "r");
      this.#open.set(pack, handle);
    }
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, slot * BLOCK_BYTES);
    return bytesRead === length && crc32(bytes) === crc ? bytes : null;
  }

  async #append(first: number, bytes: Uint8Array): Promise<void> {
    try {
      const pack = this.#growing ?? (await this.#beginPack());
      this.#growing = pack;
      const count = Math.ceil(bytes.length / BLOCK_BYTES);
      const entries = Buffer.alloc(count * ENTRY_BYTES);
      const slots: [number, Slot][] = [];
      for (let block = 0; block < count; block++) {
        const crc = crc32(bytes.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
        entries.writeUInt32LE(first + block, block * ENTRY_BYTES);
        entries.writeUInt32LE(crc, block * ENTRY_BYTES + 4);
        slots.push([first + block, { pack: pack.name, slot: pack.blocks + block, crc }]);
      }
      await pack.data.write(bytes, 0, bytes.length, pack.blocks * BLOCK_BYTES);
      await pack.index.write(entries, 0, entries.length, pack.blocks * ENTRY_BYTES);
      pack.blocks += count;
      for (const [block, slot] of slots) this.#slots.set(block, slot);
      const { cacheBytes } = remoteSettings();
      if (pack.blocks * BLOCK_BYTES >= Math.min(PACK_BYTES, PACK_SHARE * cacheBytes)) await this.#endPack();
      await makeRoom(bytes.length);
    } catch (cause) {
      throw storageError(this.#folder, cause);
    }
  }

  async #beginPack(): Promise<Growing> {
    const name = join(this.#folder, randomBytes(8).toString("hex"));
    const data = await open(`${name}.data`, "wx");
    growing.add(name);
    try {
      return { name, data, index: await open(`${name}.index`, "wx"), blocks: 0 };
    } catch (cause) {
      growing.delete(name);
      await data.close();
      throw cause;
    }
  }

  async #endPack(): Promise<void> {
    const ended = this.#growing;
    if (ended === null) return;
    this.#growing = null;
    growing.delete(ended.name);
    await ended.data.close();
    await ended.index.close();
  }
}

interface Pack {
  readonly pack: string;
  readonly bytes: number;
  readonly written: number;
}

/** Removes the oldest packs of all files when the cache has grown beyond its limit. */
async function makeRoom(added: number): Promise<void> {
  const { cacheBytes, cacheFolder } = remoteSettings();
  total = total === null ? sizeOf(await listPacks(cacheFolder)) : total + added;
  if (total <= cacheBytes) return;
  const packs = (await listPacks(cacheFolder)).sort((one, other) => one.written - other.written);
  // Other processes may have added to it or removed some.
  total = sizeOf(packs);
  for (const { pack, bytes } of packs) {
    if (total <= KEPT_SHARE * cacheBytes) return;
    if (growing.has(pack)) continue;
    await rm(`${pack}.index`, { force: true });
    await rm(`${pack}.data`, { force: true });
    total -= bytes;
  }
}

function sizeOf(packs: readonly Pack[]): number {
  return packs.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function listPacks(root: string): Promise<Pack[]> {
  const packs: Pack[] = [];
  for (const folder of await readdir(root)) {
    for (const name of await readdir(join(root, folder))) {
      if (!name.endsWith(".data")) continue;
      const path = join(root, folder, name);
      // Another process may remove it at the same time.
      const status = await stat(path).catch(() => null);
      if (status === null) continue;
      packs.push({ pack: path.slice(0, -".data".length), bytes: status.size, written: status.mtimeMs });
    }
  }
  return packs;
}
