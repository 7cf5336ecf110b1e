import { type FileHandle, open } from "node:fs/promises";
import { EpSamError, messageOf } from "../../common/index.js";

/** An error about a weight file, optionally about one tensor of it. */
export function weightsError(
  file: string,
  tensor: string | undefined,
  what: string,
  why?: string,
  action = "The file is damaged or of another kind; fetch or write it again.",
): EpSamError {
  return new EpSamError("weights", {
    what: tensor === undefined ? what : `tensor "${tensor}" ${what}`,
    where: file,
    why,
    action,
  });
}

/** One read call may not ask for more than 2 GiB. */
const LARGEST_READ = 2 ** 30;

/** A weight file that is read piece by piece. */
export class FileBytes {
  private constructor(
    readonly path: string,
    /** Bytes in the file. */
    readonly size: number,
    readonly handle: FileHandle,
  ) {}

  /** @throws EpSamError `weights` when the file cannot be opened or is not a regular file */
  static async open(path: string): Promise<FileBytes> {
    const handle = await openForReading(path);
    const stats = await handle.stat();
    if (stats.isFile()) return new FileBytes(path, stats.size, handle);
    await handle.close();
    throw unopened(path, "it is not a regular file");
  }

  /**
   * Bytes in memory of their own.
   * @throws EpSamError `weights` when the file does not have them
   */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (position < 0 || position + length > this.size) {
      const why = `bytes ${position} to ${position + length} of ${this.size}`;
      throw weightsError(this.path, undefined, "is shorter than it says", why);
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const wanted = Math.min(length - done, LARGEST_READ);
      const { bytesRead } = await this.handle.read(bytes, done, wanted, position + done);
      if (bytesRead === 0) throw weightsError(this.path, undefined, "ended while it was being read");
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw unopened(path, messageOf(cause), cause);
  }
}

function unopened(path: string, why: string, cause?: unknown): EpSamError {
  return new EpSamError(
    "weights",
    { what: "cannot be opened", where: path, why, action: "Check the path and that the file is readable." },
    { cause },
  );
}
