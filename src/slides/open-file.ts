import { isRemotePath, RandomAccessFile, remotePath } from "../common/index.js";
import { RemoteFile } from "./remote/remote-file.js";
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
