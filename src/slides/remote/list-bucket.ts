import { bucketAndKey, EpSamError, SilenceWatch, webFetch } from "../../common/index.js";
import { childNamed, parseXml, type XmlElement } from "../xml-tree.js";
import { listAddress } from "./bucket-address.js";
import { isPrivate, refusesStrangers } from "./bucket-source.js";
import { FinalAnswer, PassingAnswer } from "./range-source.js";
import { persistently } from "./read-range.js";
import { remoteSettings } from "./settings.js";
import { listSigned } from "./signed-requests.js";

/** More keys under one prefix than slides lie in a folder; a whole bucket was given by mistake. */
const MOST_KEYS = 100_000;
/** A page has at most a thousand keys of at most 1024 bytes. */
const MOST_PAGE_BYTES = 16 * 2 ** 20;

export interface ListLimits {
  /** More files than that are refused. */
  readonly most?: number | undefined;
}

/** What lies directly under a prefix, as in a folder. */
export interface BucketFolder {
  /** `s3://` paths of files, in the order of their names. */
  readonly files: readonly string[];
  /** `s3://` paths of what would be folders in it, with a slash at their ends. */
  readonly folders: readonly string[];
}

interface Page extends BucketFolder {
  readonly next: string | null;
}

/**
 * Lists a prefix of a bucket.
 * @param path `s3://BUCKET/PREFIX/`, or `s3://BUCKET/` for all of it
 * @throws EpSamError `usage` when it cannot be listed, `network` when the server cannot be reached
 */
export async function listBucket(
  path: string,
  signal?: AbortSignal,
  { most = MOST_KEYS }: ListLimits = {},
): Promise<BucketFolder> {
  const files: string[] = [];
  const folders: string[] = [];
  let token: string | null = null;
  do {
    const page: Page = await listPage(path, token, signal);
    files.push(...page.files);
    folders.push(...page.folders);
    if (page.next === token && token !== null) throw unusable(path, "its list goes in a circle");
    token = page.next;
    if (files.length > most) {
      throw unusable(path, `more than ${most} files lie directly under it`);
    }
  } while (token !== null);
  return { files: files.sort(), folders: [...new Set(folders)].sort() };
}

function listPage(path: string, token: string | null, signal?: AbortSignal): Promise<Page> {
  const { bucket, key } = bucketAndKey(path);
  const patience = remoteSettings().patience;
  const stop = signal ?? new AbortController().signal;
  const persistence = { path, patience, signal: stop, isKnown: false, progress: () => 0 };
  return persistently(persistence, async (until) => {
    const text = isPrivate(bucket) ? null : await fetchList(bucket, key, token, patience.silence, until);
    if (text !== null) return parsePage(path, bucket, key, text);
    const { keys, prefixes, next } = await listSigned({ bucket, key }, token, until);
    return pageOf(bucket, key, keys, prefixes, next);
  });
}

/** Null where the bucket refuses whom it does not know. */
async function fetchList(
  bucket: string,
  prefix: string,
  token: string | null,
  silence: number,
  signal: AbortSignal,
): Promise<string | null> {
  const watch = new SilenceWatch(silence, signal);
  try {
    const response = await webFetch(listAddress(bucket, prefix, token), { signal: watch.signal });
    watch.heard();
    const { status } = response;
    if (status !== 200) {
      await response.body?.cancel();
      if (refusesStrangers(bucket, status)) return null;
      const told = `the server answers ${status}`;
      if (status >= 500 || status === 429) throw new PassingAnswer(told, 0);
      throw new FinalAnswer("cannot be listed", told, "Check the names of bucket and prefix.");
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      watch.heard();
      chunks.push(chunk);
      length += chunk.length;
      if (length > MOST_PAGE_BYTES) throw new FinalAnswer("cannot be listed", "its list has no end");
    }
    return new TextDecoder().decode(Buffer.concat(chunks));
  } finally {
    watch.stop();
  }
}

function parsePage(path: string, bucket: string, prefix: string, text: string): Page {
  const root = parseXml(path, text);
  if (root.name !== "ListBucketResult") throw unusable(path, `its server answers with <${root.name}>`);
  const isEncoded = textOf(root, "EncodingType") === "url";
  const read = (key: string): string => (isEncoded ? decodeURIComponent(key.replaceAll("+", " ")) : key);
  const named = (name: string, field: string): string[] =>
    root.children.filter((child) => child.name === name).map((child) => read(textOf(child, field)));
  const isTruncated = textOf(root, "IsTruncated") === "true";
  const next = textOf(root, "NextContinuationToken");
  if (isTruncated && next === "") throw unusable(path, "its server does not tell how its list goes on");
  const [keys, prefixes] = [named("Contents", "Key"), named("CommonPrefixes", "Prefix")];
  return pageOf(bucket, prefix, keys, prefixes, isTruncated ? next : null);
}

/** A key that is the prefix itself, or ends with a slash, stands for a folder. */
function pageOf(
  bucket: string,
  prefix: string,
  keys: readonly string[],
  prefixes: readonly string[],
  next: string | null,
): Page {
  const pathOf = (key: string): string => `s3://${bucket}/${key}`;
  const files = keys.filter((key) => key !== prefix && !key.endsWith("/")).map(pathOf);
  return { files, folders: prefixes.map(pathOf), next };
}

function textOf(element: XmlElement, name: string): string {
  return childNamed(element, name)?.text ?? "";
}

function unusable(path: string, why: string): EpSamError {
  return new EpSamError("usage", { where: path, what: "cannot be listed", why });
}
