import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  EpSamError,
  exists,
  firstRepeated,
  formatBytes,
  requireWritable,
  storageError,
} from "../../common/index.js";
import type { ReceivingOffer } from "../../contract/index.js";
import { stemOf } from "../../dataset/index.js";
import { notFound } from "../problem.js";
import { receivedFolder } from "./received-folder.js";

/** Bytes that stay free, for corrections and jobs. */
const KEPT_FREE = 2 ** 30;
/** Drops at a time. */
const MOST_AT_ONCE = 8;
/** Folders of drops that nobody finished are removed after this time. */
const FORGOTTEN_MILLISECONDS = 24 * 3600 * 1000;

interface Arriving {
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly bytes: number; received: number }[];
  /** One piece at a time. */
  busy: boolean;
}

/** Files on their way into the state directory, each drop in a hidden folder until it is complete. */
export class Receiving {
  readonly #folder: string;
  readonly #arriving = new Map<string, Arriving>();

  constructor(stateDirectory: string) {
    this.#folder = receivedFolder(stateDirectory);
  }

  /**
   * Makes room for files. Loose ones lie in a folder with the first one's name, since a folder of DICOM files is named by it.
   * @throws EpSamError `usage` for one name twice, `too-large` when the disk has no room for them, `storage`, `busy`
   */
  async begin({ files }: ReceivingOffer): Promise<string> {
    if (this.#arriving.size >= MOST_AT_ONCE) {
      throw new EpSamError("busy", { what: `${MOST_AT_ONCE} drops are on their way already` });
    }
    requireDistinct(files.map(({ path }) => path));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const free = (await requireWritable(this.#folder)) - KEPT_FREE;
    if (bytes > free) {
      throw new EpSamError("too-large", {
        what: `${formatBytes(bytes)} are too much for the disk of the server`,
        why: `${formatBytes(Math.max(0, free))} are free there, a gigabyte for corrections and jobs apart`,
        action: "Free some space, choose another `state`, or give the files themselves to `epsam view`.",
      });
    }
    await this.#removeForgotten();
    const id = randomBytes(6).toString("hex");
    const folder = join(this.#folder, `.${id}`);
    const loose = stemOf(files.find(({ path }) => !path.includes("/"))?.path ?? "");
    this.#arriving.set(id, {
      folder,
      files: files.map((file) => ({
        path: file.path.includes("/") ? file.path : `${loose}/${file.path}`,
        bytes: file.bytes,
        received: 0,
      })),
      busy: false,
    });
    await mkdir(folder, { recursive: true });
    return id;
  }

  /**
   * Writes the next piece of a file.
   * @returns bytes of it that are there
   * @throws EpSamError `not-found`, `usage` for a piece that does not follow or goes beyond the file's length, `storage`
   */
  async take(id: string, index: number, offset: number, piece: Uint8Array): Promise<number> {
    const arriving = this.#get(id);
    const file = arriving.files[index];
    if (file === undefined) throw notFound("there is no such file in this drop", String(index));
    if (arriving.busy || offset !== file.received || offset + piece.length > file.bytes) {
      throw new EpSamError("usage", {
        where: file.path,
        what: `this piece does not follow: ${file.received} of ${file.bytes} bytes are here`,
        action: "Drop the files again.",
      });
    }
    arriving.busy = true;
    try {
      const path = join(arriving.folder, ...file.path.split("/"));
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(path, offset === 0 ? "w" : "r+");
      try {
        let written = 0;
        while (written < piece.length) {
          const { bytesWritten } = await handle.write(
            piece,
            written,
            piece.length - written,
            offset + written,
          );
          written += bytesWritten;
        }
      } finally {
        await handle.close();
      }
      file.received += piece.length;
      return file.received;
    } catch (cause) {
      throw storageError(file.path, cause);
    } finally {
      arriving.busy = false;
    }
  }

  /** The folder of a drop that has arrived. @throws EpSamError `usage` when something is missing */
  complete(id: string): string {
    const { files, folder } = this.#get(id);
    const missing = files.find(({ received, bytes }) => received < bytes);
    if (missing === undefined) return folder;
    throw new EpSamError("usage", {
      where: missing.path,
      what: "has not arrived in full",
      action: "Drop it again.",
    });
  }

  /** Gives a drop its final place. @returns that */
  async keep(id: string): Promise<string> {
    const { folder } = this.#get(id);
    const place = join(this.#folder, id);
    await rename(folder, place).catch((cause: unknown) => {
      throw storageError(place, cause);
    });
    this.#arriving.delete(id);
    return place;
  }

  /** Forgets a drop and what has arrived of it. */
  async drop(id: string): Promise<void> {
    const { folder } = this.#get(id);
    this.#arriving.delete(id);
    await rm(folder, { recursive: true, force: true });
  }

  #get(id: string): Arriving {
    const arriving = this.#arriving.get(id);
    if (arriving === undefined) throw notFound("there is no such drop under way", id);
    return arriving;
  }

  async #removeForgotten(): Promise<void> {
    if (!(await exists(this.#folder))) return;
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (!name.startsWith(".") || this.#arriving.has(name.slice(1))) continue;
      const age = Date.now() - (await stat(path)).mtimeMs;
      if (age > FORGOTTEN_MILLISECONDS) await rm(path, { recursive: true, force: true });
    }
  }
}

/** Names that differ in case alone are one name on some systems. @throws EpSamError `usage` */
function requireDistinct(paths: readonly string[]): void {
  const repeated = firstRepeated(paths, (path) => path.normalize("NFC").toLowerCase());
  if (repeated === null) return;
  throw new EpSamError("usage", {
    where: repeated[1],
    what: "is there twice",
    action: "Drop one of the two, or their folders.",
  });
}
