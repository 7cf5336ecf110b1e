import { resolve } from "node:path";
import { z } from "zod";
import { EpSamError } from "./errors.js";
import { jsonIfFits } from "./json.js";

/*
 * A file on a server goes through the program under its remote path: its address without what may be secret (user,
 * password, query), percent-decoded as far as it stays one address, so that its last part is the file's name. What was
 * left out is kept here, in memory alone, for whoever fetches the file.
 */

const SCHEME = /^([a-z][a-z\d+.-]+):\/\//i;
/** Escapes that stay: those of characters that would end the path or a part of it, and of control characters. */
const KEPT_ESCAPES = /(%(?:25|2f|3f|23|5c|0[0-9a-f]|1[0-9a-f]|7f))/i;
const BUCKET = /^[a-z\d][a-z\d._-]{1,254}$/i;

/** Carries what is secret to a command that is started for this process. */
export const ADDRESSES_VARIABLE = "EPSAM_ADDRESSES";
/** Linux takes no longer text in one variable. */
const LONGEST_VARIABLE = 120_000;

const addresses = new Map<string, string>(inheritedAddresses());

function inheritedAddresses(): [string, string][] {
  const text = process.env[ADDRESSES_VARIABLE];
  // Not for processes that this one starts for other purposes.
  delete process.env[ADDRESSES_VARIABLE];
  return text === undefined ? [] : (jsonIfFits(text, z.array(z.tuple([z.string(), z.string()]))) ?? []);
}

/** True for addresses of files on servers, `https://`, `http://` and `s3://`. */
export function isRemotePath(path: string): boolean {
  return /^(?:https?|s3):\/\//i.test(path);
}

/**
 * The remote path of an address; any other path as it is.
 * @throws EpSamError `usage` for an address that is malformed, of a kind that is not read, or that another one with the same
 *   path was given before
 */
export function remotePath(given: string): string {
  const scheme = SCHEME.exec(given)?.[1]?.toLowerCase();
  if (scheme === undefined) return given;
  if (scheme === "s3") return bucketPath(given);
  if (scheme === "http" || scheme === "https") return webPath(given);
  throw usage(
    `${scheme}://…`,
    "is an address of a kind that is not read",
    "Give an address that begins with https:// or s3://, or a path.",
  );
}

/** As {@link remotePath}, of several. */
export function remotePaths(given: readonly string[]): string[] {
  return given.map(remotePath);
}

/** A path of this machine as an absolute one, from a folder or the current one; a remote path as it is. */
export function absolutePath(path: string, folder = "."): string {
  return isRemotePath(path) ? remotePath(path) : resolve(folder, path);
}

/** The whole address of a remote path, to be fetched and shown to nobody. */
export function addressOf(path: string): string {
  return addresses.get(path) ?? path;
}

/** All that has been left out of remote paths, for a process that works for this one. */
export function secretAddresses(): readonly (readonly [path: string, address: string])[] {
  return [...addresses];
}

/** Takes what {@link secretAddresses} gave in another process. */
export function adoptAddresses(secret: readonly (readonly [path: string, address: string])[]): void {
  for (const [path, address] of secret) addresses.set(path, address);
}

/**
 * The environment of a command that gets these arguments: with what is secret of those that are remote paths.
 * @throws EpSamError `usage` when that is too much for a variable
 */
export function commandEnvironment(args: readonly string[]): NodeJS.ProcessEnv {
  const secret = args.flatMap((arg) => [...addresses].filter(([path]) => path === arg));
  if (secret.length === 0) return process.env;
  const text = JSON.stringify(secret);
  if (text.length <= LONGEST_VARIABLE) return { ...process.env, [ADDRESSES_VARIABLE]: text };
  throw usage(
    `${secret.length} slides`,
    "have addresses with more text after the ? than can be handed to a job",
    "Choose fewer slides for one job.",
  );
}

/** A text, such as an argument, with nothing secret in the addresses that it holds. */
export function withoutSecrets(text: string): string {
  return text.replace(/\bhttps?:\/\/[^\s"'<>]+/gi, (address) => {
    try {
      return shown(new URL(address));
    } catch {
      // No address after all; what follows the host may still be meant as a secret one.
      return address.replace(/\/\/[^/@]*@/, "//").replace(/[?#].*$/, "");
    }
  });
}

function webPath(given: string): string {
  const url = parsed(given);
  url.hash = "";
  const path = shown(url);
  if (path.endsWith("/")) {
    const action = "Give the file's address, or a text file (.txt) with one address a line.";
    throw usage(path, "names no file, and web servers list no folders", action);
  }
  const isPlain = url.username === "" && url.password === "" && url.search === "";
  const known = addresses.get(path);
  if (isPlain) return path;
  if (known !== undefined && known !== url.href) {
    throw usage(
      path,
      "is given twice, with differences only in what is not shown (user, password, or what follows the ?)",
      "Slides are told apart by the rest of their addresses: download one of them.",
    );
  }
  addresses.set(path, url.href);
  return path;
}

function parsed(given: string): URL {
  try {
    return new URL(given);
  } catch {
    throw usage(withoutSecrets(given), "is no valid address", "Check how it is spelt.");
  }
}

function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${decoded(pathname)}`;
}

function decoded(pathname: string): string {
  // The parts at odd places are what it was divided at.
  const parts = pathname.split(KEPT_ESCAPES);
  return parts.map((part, index) => (index % 2 === 1 ? part : decodedPart(part))).join("");
}

function decodedPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Escapes of bytes that are no UTF-8 stay as they are.
    return part;
  }
}

function bucketPath(given: string): string {
  const rest = given.slice("s3://".length);
  const bucket = rest.split("/", 1).join();
  if (!BUCKET.test(bucket)) {
    const action = "Write s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for all slides there.";
    throw usage("s3://…", "names no bucket", action);
  }
  const key = rest.slice(bucket.length + 1);
  return `s3://${bucket}/${key}`;
}

/** Bucket and key of an `s3://` path. */
export function bucketAndKey(path: string): { readonly bucket: string; readonly key: string } {
  const rest = path.slice("s3://".length);
  const bucket = rest.split("/", 1).join();
  return { bucket, key: rest.slice(bucket.length + 1) };
}

function usage(where: string, what: string, action: string): EpSamError {
  return new EpSamError("usage", { where, what, action });
}
