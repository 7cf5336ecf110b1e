import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import {
  EpSamError,
  isEpSamError,
  isRemotePath,
  messageOf,
  remotePath,
  withoutSecrets,
} from "../common/index.js";

/** True for a file that names slides on servers, one address a line. */
export function isAddressList(path: string): boolean {
  return extname(path).toLowerCase() === ".txt";
}

/**
 * The addresses of a text file, as remote paths; empty lines and those that begin with # do not count.
 * @throws EpSamError `usage` naming the line that is no address
 */
export async function readAddressList(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new EpSamError("usage", { where: path, what: "cannot be read", why: messageOf(cause) }, { cause });
  });
  const paths: string[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const address = line.trim();
    if (address === "" || address.startsWith("#")) continue;
    paths.push(addressOfLine(path, index + 1, address));
  }
  if (paths.length > 0) return paths;
  throw new EpSamError("usage", {
    where: path,
    what: "names no slides",
    why: "a text file (.txt) among slides is a list of addresses, one a line",
  });
}

function addressOfLine(list: string, line: number, address: string): string {
  const where = `${list}, line ${line}`;
  if (!isRemotePath(address)) {
    const action = "Write one address a line, such as https://example.org/a.tif; give paths by themselves.";
    throw new EpSamError("usage", { where, what: `"${withoutSecrets(address)}" is no address`, action });
  }
  try {
    return remotePath(address);
  } catch (cause) {
    if (!isEpSamError(cause)) throw cause;
    throw new EpSamError("usage", { ...cause.fields, where: `${where}: ${cause.fields.where}` }, { cause });
  }
}
