import { stat } from "node:fs/promises";
import { isRemotePath, RandomAccessFile, remotePath } from "../common/index.js";
import { RemoteFile, remoteFileVersion } from "./remote/remote-file.js";
import { slideError } from "./slide-error.js";

/**
 * Opens a slide's file, on this machine or on a server.
 * @throws EpSamError `slide` when it cannot be opened, `network` when its server cannot be reached, `usage` for an address
 *   that is malformed
 */
export function openSlideFile(path: string): Promise<RandomAccessFile> {
  return isRemotePath(path)
    ? RemoteFile.open(remotePath(path), slideError)
    : RandomAccessFile.open(path, slideError);
}

/** What tells that a slide's file is still the same. */
export interface SlideFileVersion {
  readonly size: number;
  /** When a file on this machine was changed, in milliseconds since 1970; null for one on a server. */
  readonly changed: number | null;
  /** Of a file on a server: the version that this process reads, as the server names it; null for a local one. */
  readonly served: string | null;
}

/**
 * The version of a slide's file; of one on a server that which this process reads, for which it is asked once.
 * @throws what `stat()` throws for a local file, what {@link openSlideFile} throws for one on a server
 */
export async function slideFileVersion(path: string): Promise<SlideFileVersion> {
  if (!isRemotePath(path)) {
    const { size, mtimeMs } = await stat(path);
    return { size, changed: mtimeMs, served: null };
  }
  const { size, etag, modified } = await remoteFileVersion(remotePath(path));
  return { size, changed: null, served: etag ?? modified ?? "unknown" };
}
