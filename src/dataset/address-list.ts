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

/**
 * True for a text file that names slides on servers, one address a line; one without any address is no list.
 * @throws EpSamError `usage` when it cannot be read
 */
export async function isAddressList(path: string): Promise<boolean> {
  if (isRemotePath(path) || extname(path).toLowerCase() !== ".txt") return false;
  return (await linesOf(path)).some(({ address }) => isRemotePath(address));
}

/**
 * The addresses of a text file, as remote paths; empty lines and those that begin with # do not count.
 * @throws EpSamError `usage` naming the line that is no address
 */
export async function readAddressList(path: string): Promise<string[]> {
  return (await linesOf(path)).map(({ line, address }) => addressOfLine(path, line, address));
}

async function linesOf(path: string): Promise<{ readonly line: number; readonly address: string }[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new EpSamError("usage", { where: path, what: "cannot be read", why: messageOf(cause) }, { cause });
  });
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((text, index) => ({ line: index + 1, address: text.trim() }))
    .filter(({ address }) => address !== "" && !address.startsWith("#"));
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
