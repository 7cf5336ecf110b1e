import { bucketAndKey } from "../../common/index.js";
import { keyAddress } from "./bucket-address.js";
import type { RangeAnswer, RangeSource, RemoteVersion } from "./range-source.js";
import { type BucketPlace, getSigned } from "./signed-requests.js";
import { WebSource } from "./web-source.js";

/** Buckets that answered somebody whom they do not know with a refusal. */
const privateBuckets = new Set<string>();

/** True for what a bucket answers to somebody whom it does not know; it is asked with a signature from then on. */
export function refusesStrangers(bucket: string, status: number): boolean {
  if (status === 401 || status === 403) privateBuckets.add(bucket);
  return isPrivate(bucket);
}

export function isPrivate(bucket: string): boolean {
  return privateBuckets.has(bucket);
}

/** A file of a bucket: asked for without a signature first, and with one where that is refused. */
export class BucketSource implements RangeSource {
  readonly #place: BucketPlace;
  readonly #web: WebSource;

  /** @param path `s3://BUCKET/KEY` */
  constructor(path: string) {
    this.#place = bucketAndKey(path);
    this.#web = new WebSource(keyAddress(this.#place.bucket, this.#place.key));
  }

  async get(
    first: number,
    last: number,
    version: RemoteVersion | null,
    signal: AbortSignal,
  ): Promise<RangeAnswer> {
    const { bucket } = this.#place;
    if (!isPrivate(bucket)) {
      const answer = await this.#web.get(first, last, version, signal);
      if (!refusesStrangers(bucket, answer.status)) return answer;
      await answer.discard();
    }
    return getSigned(this.#place, first, last, version, signal);
  }
}
