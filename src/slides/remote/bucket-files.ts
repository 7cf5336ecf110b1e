import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { S3Client } from "@aws-sdk/client-s3";
import { bucketAndKey, EpSamError, messageOf, writeFileAtomically } from "../../common/index.js";
import { FinalAnswer } from "./range-source.js";
import { type BucketPlace, newClient, type S3Library, statusOf } from "./signed-requests.js";

/*
 * Whole files in buckets, by Amazon's own library with its own retries. A file appears under its key when all of it is
 * there: that is how S3 works. Every part goes with its MD5, which the server checks.
 */

/** Parts of larger files; S3 takes 10,000 of them, of 5 MiB at least. */
const PART = 16 * 2 ** 20;
/** Attempts for each request. */
const ATTEMPTS = 6;

let opened: ReturnType<typeof newClient> | null = null;

function openClient() {
  opened ??= newClient(ATTEMPTS).catch((cause: unknown) => {
    opened = null;
    throw cause;
  });
  return opened;
}

/** A request to a bucket. @throws EpSamError `storage` when it fails */
async function ask<T>(
  path: string,
  what: string,
  request: (library: S3Library, client: S3Client, place: BucketPlace) => Promise<T>,
): Promise<T> {
  try {
    const { library, client } = await openClient();
    return await request(library, client, bucketAndKey(path));
  } catch (failure) {
    if (failure instanceof Error && failure.name === "AbortError") throw failure;
    const cause = finalOf(failure);
    const usual = "Check the names of bucket and prefix, your credentials and what they allow.";
    const isFinal = cause instanceof FinalAnswer;
    const fields = {
      where: path,
      what,
      why: whyOf(cause),
      action: (isFinal ? cause.action : undefined) ?? usual,
    };
    throw new EpSamError("storage", fields, { cause });
  }
}

function whyOf(cause: unknown): string {
  const status = cause instanceof FinalAnswer ? null : answerOf(cause);
  const name = cause instanceof Error ? `, ${cause.name}` : "";
  return status === null ? messageOf(cause) : `the server answers ${status}${name}`;
}

/** What a failure comes to: missing credentials have advice of their own. */
function finalOf(failure: unknown): unknown {
  try {
    statusOf(failure);
    return failure;
  } catch (cause) {
    return cause;
  }
}

/** The status of an answer that the library threw, null without one. */
function answerOf(cause: unknown): number | null {
  try {
    return statusOf(cause);
  } catch {
    return null;
  }
}

/** Milliseconds since 1970 at which a file of a bucket was written, null where there is none. @throws EpSamError `storage` */
export async function bucketFileTime(path: string, signal?: AbortSignal): Promise<number | null> {
  return (await head(path, signal))?.time ?? null;
}

function head(path: string, signal?: AbortSignal) {
  return ask(path, "cannot be looked at in its bucket", async (library, client, { bucket, key }) => {
    const command = new library.HeadObjectCommand({ Bucket: bucket, Key: key });
    try {
      const { ContentLength = 0, LastModified } = await client.send(command, options(signal));
      return { size: ContentLength, time: LastModified?.getTime() ?? 0 };
    } catch (cause) {
      if (answerOf(cause) === 404) return null;
      throw cause;
    }
  });
}

/** All of a small file of a bucket, null where there is none. @throws EpSamError `storage` */
export function readFromBucket(path: string, signal?: AbortSignal): Promise<Uint8Array | null> {
  return ask(path, "cannot be read in its bucket", async (library, client, { bucket, key }) => {
    const command = new library.GetObjectCommand({ Bucket: bucket, Key: key });
    try {
      const { Body } = await client.send(command, options(signal));
      return Body === undefined ? new Uint8Array() : await Body.transformToByteArray();
    } catch (cause) {
      if (answerOf(cause) === 404) return null;
      throw cause;
    }
  });
}

/** Brings a small file of a bucket to this machine. @throws EpSamError `storage`, also when it is not there */
export async function downloadFromBucket(path: string, file: string, signal?: AbortSignal): Promise<void> {
  const bytes = await readFromBucket(path, signal);
  if (bytes === null) {
    throw new EpSamError("storage", {
      where: path,
      what: "is not there",
      action: "Look whether something else removes files there, and give the same command again.",
    });
  }
  await writeFileAtomically(file, bytes);
}

/** Puts a small file into a bucket. @throws EpSamError `storage`; what was there before stays */
export async function writeToBucket(
  path: string,
  data: Uint8Array | string,
  signal?: AbortSignal,
): Promise<void> {
  await ask(path, "cannot be written into its bucket", (library, client, { bucket, key }) =>
    client.send(put(library, { Bucket: bucket, Key: key }, Buffer.from(data)), options(signal)),
  );
}

/**
 * Puts a small file into a bucket unless one is there. Servers that do not know such a condition are asked before, so that
 * of two that write at the same moment both may: read what is there then.
 * @returns whether it was put there
 * @throws EpSamError `storage`
 */
export async function createInBucket(path: string, data: string): Promise<boolean> {
  const what = "cannot be written into its bucket";
  const isPut = await ask(path, what, async (library, client, { bucket, key }) => {
    const place = { Bucket: bucket, Key: key, IfNoneMatch: "*" };
    try {
      await client.send(put(library, place, Buffer.from(data)));
      return true;
    } catch (cause) {
      const status = answerOf(cause);
      // There already, or another is putting it there.
      if (status === 412 || status === 409) return false;
      if (status === 501) return null;
      throw cause;
    }
  });
  if (isPut !== null) return isPut;
  if ((await bucketFileTime(path)) !== null) return false;
  await writeToBucket(path, data);
  return true;
}

function put(
  { PutObjectCommand }: S3Library,
  place: { readonly Bucket: string; readonly Key: string; readonly IfNoneMatch?: string },
  bytes: Uint8Array,
) {
  return new PutObjectCommand({ ...place, Body: bytes, ContentMD5: md5(bytes) });
}

/** @throws EpSamError `storage` */
export async function removeFromBucket(path: string, signal?: AbortSignal): Promise<void> {
  await ask(path, "cannot be removed from its bucket", (library, client, { bucket, key }) =>
    client.send(new library.DeleteObjectCommand({ Bucket: bucket, Key: key }), options(signal)),
  );
}

/**
 * Puts a file into a bucket, in parts where it is large, and checks that all of it is there.
 * @throws EpSamError `storage`; nothing is under the key then, or what was before
 */
export async function uploadToBucket(file: string, path: string, signal?: AbortSignal): Promise<void> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const read = async (first: number): Promise<Uint8Array> => {
      const part = new Uint8Array(Math.min(PART, size - first));
      const { bytesRead } =
        part.length === 0 ? { bytesRead: 0 } : await handle.read(part, 0, part.length, first);
      if (bytesRead === part.length) return part;
      throw new Error(`${file} ended while it was read`);
    };
    await ask(path, "cannot be written into its bucket", async (library, client, { bucket, key }) => {
      const place = { Bucket: bucket, Key: key };
      if (size > PART) return uploadParts(library, client, place, { size, read, signal });
      await client.send(put(library, place, await read(0)), options(signal));
    });
    const there = await head(path, signal);
    if (there?.size === size) return;
    throw new EpSamError("storage", {
      where: path,
      what: "is not in its bucket as it was written",
      why: there === null ? "it is not there" : `it has ${there.size} bytes instead of ${size}`,
      action: "Look whether something else writes there, and give the command again.",
    });
  } finally {
    await handle.close();
  }
}

/** An upload that fails leaves nothing: its parts are given up. */
async function uploadParts(
  library: S3Library,
  client: S3Client,
  place: { readonly Bucket: string; readonly Key: string },
  {
    size,
    read,
    signal,
  }: {
    readonly size: number;
    readonly read: (first: number) => Promise<Uint8Array>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const begun = await client.send(new library.CreateMultipartUploadCommand(place), options(signal));
  const upload = { ...place, UploadId: begun.UploadId };
  try {
    const parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
    for (let first = 0; first < size; first += PART) {
      const part = await read(first);
      const number = { PartNumber: parts.length + 1 };
      const command = new library.UploadPartCommand({
        ...upload,
        ...number,
        Body: part,
        ContentMD5: md5(part),
      });
      const { ETag } = await client.send(command, options(signal));
      parts.push({ ETag, ...number });
    }
    const whole = { ...upload, MultipartUpload: { Parts: parts } };
    await client.send(new library.CompleteMultipartUploadCommand(whole), options(signal));
  } catch (failure) {
    // The first failure is the one to tell.
    await client.send(new library.AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw failure;
  }
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

function options(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { abortSignal: signal };
}
