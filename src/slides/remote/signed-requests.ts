import { Readable } from "node:stream";
import type { GetObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";
import { messageOf } from "../../common/index.js";
import { endpointOfEnvironment } from "./bucket-address.js";
import { FinalAnswer, type RangeAnswer, type RemoteVersion } from "./range-source.js";

/*
 * Requests that Amazon's own library signs, with its usual credentials: variables, profiles, roles of machines. It is
 * loaded when a bucket refuses requests without a signature, and whoever reads none such needs none of it.
 */

export type S3Library = typeof import("@aws-sdk/client-s3");

/** A file, or a prefix, of a bucket. */
export interface BucketPlace {
  readonly bucket: string;
  readonly key: string;
}

let opened: ReturnType<typeof newClient> | null = null;

function openClient() {
  // Attempts are counted here, see `persistently()`.
  opened ??= newClient(1).catch((cause: unknown) => {
    opened = null;
    throw cause;
  });
  return opened;
}

/**
 * Amazon's library, and a client of it.
 * @throws FinalAnswer when it is not installed
 */
export async function newClient(
  maxAttempts: number,
): Promise<{ readonly library: S3Library; readonly client: S3Client }> {
  const library = await import("@aws-sdk/client-s3").catch((cause: unknown) => {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")) throw cause;
    throw new FinalAnswer(
      "may not be read by everybody",
      "its bucket wants signed requests, and Amazon's library, which signs them, is not installed",
      "Install it where ep-sam is installed: `npm install @aws-sdk/client-s3`, globally if ep-sam was installed so.",
    );
  });
  const options = {
    maxAttempts,
    followRegionRedirects: true,
    forcePathStyle: endpointOfEnvironment() !== undefined,
    // Servers like Amazon's do not know its newer checksums.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  } as const;
  const client = new library.S3Client(options);
  const isRegionTold = await client.config.region().then(
    () => true,
    () => false,
  );
  return {
    library,
    client: isRegionTold ? client : new library.S3Client({ ...options, region: "us-east-1" }),
  };
}

/** As `RangeSource.get()`. */
export async function getSigned(
  { bucket, key }: BucketPlace,
  first: number,
  last: number,
  version: RemoteVersion | null,
  signal: AbortSignal,
): Promise<RangeAnswer> {
  const { library, client } = await openClient();
  const command = new library.GetObjectCommand({
    Bucket: bucket,
    Key: key,
    Range: `bytes=${first}-${last}`,
    ...(version?.etag == null ? {} : { IfMatch: version.etag }),
  });
  try {
    return answerOf(await client.send(command, { abortSignal: signal }));
  } catch (cause) {
    return { ...noContent, status: statusOf(cause) };
  }
}

/** One page of what lies directly under a prefix. */
export async function listSigned({ bucket, key }: BucketPlace, token: string | null, signal: AbortSignal) {
  const { library, client } = await openClient();
  const command = new library.ListObjectsV2Command({
    Bucket: bucket,
    Prefix: key,
    Delimiter: "/",
    ...(token === null ? {} : { ContinuationToken: token }),
  });
  const page = await client.send(command, { abortSignal: signal }).catch((cause: unknown) => {
    const status = statusOf(cause);
    if (status >= 500 || status === 429) throw cause;
    const action = "Check the names of bucket and prefix, and your credentials.";
    throw new FinalAnswer("cannot be listed", `the server answers ${status}`, action);
  });
  return {
    keys: (page.Contents ?? []).flatMap(({ Key }) => Key ?? []),
    prefixes: (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []),
    next: page.IsTruncated === true ? (page.NextContinuationToken ?? null) : null,
  };
}

const noContent = {
  header: () => null,
  body: Readable.from([]),
  discard: () => Promise.resolve(),
};

function answerOf(output: GetObjectCommandOutput): RangeAnswer {
  const headers = new Map([
    ["content-range", output.ContentRange],
    ["content-encoding", output.ContentEncoding],
    ["etag", output.ETag],
    ["last-modified", output.LastModified?.toUTCString()],
  ]);
  const { Body } = output;
  const body = Body instanceof Readable ? Body : Readable.from([]);
  return {
    // The library takes 200 for success as well.
    status: output.$metadata.httpStatusCode ?? 500,
    header: (name) => headers.get(name) ?? null,
    body,
    discard: async () => {
      body.destroy();
    },
  };
}

/** The status of an answer that the library threw. @throws what it threw without an answer; FinalAnswer without credentials */
export function statusOf(cause: unknown): number {
  const metadata = cause instanceof Error && "$metadata" in cause ? cause.$metadata : undefined;
  const isRecord = typeof metadata === "object" && metadata !== null;
  const status = isRecord && "httpStatusCode" in metadata ? metadata.httpStatusCode : undefined;
  if (typeof status === "number") return status;
  if (cause instanceof Error && /Credential|Token/.test(cause.name)) {
    throw new FinalAnswer(
      "may not be read by everybody",
      `its bucket wants signed requests, and there are no credentials: ${messageOf(cause)}`,
      "Give them as for Amazon's own programs: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
    );
  }
  throw cause;
}
