import { type FileError, RandomAccessFile } from "../../common/index.js";
import { BLOCK_BYTES } from "./blocks.js";
import type { RemoteVersion } from "./range-source.js";
import { RemoteObject } from "./remote-object.js";

/** Files of this process, by path: what was read of one once is not read again, and never of another version. */
const objects = new Map<string, Promise<RemoteObject>>();

function objectOf(path: string): Promise<RemoteObject> {
  const known = objects.get(path);
  if (known !== undefined) return known;
  const object = RemoteObject.begin(path);
  objects.set(path, object);
  // A failure is not kept: the server may be mended.
  object.catch(() => objects.delete(path));
  return object;
}

/** The version of a file that this process reads. @throws what `RemoteFile.open()` throws */
export async function remoteFileVersion(path: string): Promise<RemoteVersion> {
  return (await objectOf(path)).version;
}

/** A file on a server, read in parts as they are wanted. */
export class RemoteFile extends RandomAccessFile {
  readonly #object: RemoteObject;
  #isClosed = false;
  override readonly warnings: readonly string[];

  private constructor(object: RemoteObject, error: FileError) {
    super(object.path, object.version.size, error);
    this.#object = object;
    const { etag, modified } = object.version;
    this.warnings =
      etag === null && modified === null
        ? [
            "its server tells neither ETag nor Last-Modified, so that a change of the same size is not noticed",
          ]
        : [];
    object.acquire();
  }

  /**
   * @param path a remote path
   * @throws EpSamError `slide` when the server refuses it, or gives no parts of files; `network` when it cannot be reached
   */
  static override async open(path: string, error: FileError): Promise<RemoteFile> {
    return new RemoteFile(await objectOf(path), error);
  }

  protected override async fill(bytes: Uint8Array, offset: number): Promise<void> {
    if (bytes.length === 0) return;
    const first = Math.floor(offset / BLOCK_BYTES);
    const blocks = await this.#object.blocks(first, Math.floor((offset + bytes.length - 1) / BLOCK_BYTES));
    blocks.forEach((block, index) => {
      const start = (first + index) * BLOCK_BYTES - offset;
      const from = Math.max(0, -start);
      bytes.set(block.subarray(from, Math.min(BLOCK_BYTES, bytes.length - start)), Math.max(0, start));
    });
  }

  override async prefetch(offset: number, length: number): Promise<void> {
    const end = Math.min(this.size, offset + length);
    if (!(offset >= 0 && end > offset)) return;
    await this.#object.blocks(Math.floor(offset / BLOCK_BYTES), Math.floor((end - 1) / BLOCK_BYTES));
  }

  override async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#object.release();
  }
}
