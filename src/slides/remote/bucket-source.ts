import { bucketAndKey } from "../../common/index.js";
import { keyAddress } from "./bucket-address.js";
import type { RangeAnswer, RangeSource, RemoteVersion } from "./range-source.js";
import { WebSource } from "./web-source.js";

/** A file of a bucket that everybody may read. */
export class BucketSource implements RangeSource {
  readonly #web: WebSource;

  /** @param path `s3://BUCKET/KEY` */
  constructor(path: string) {
    const { bucket, key } = bucketAndKey(path);
    this.#web = new WebSource(keyAddress(bucket, key));
  }

  get(first: number, last: number, version: RemoteVersion | null, signal: AbortSignal): Promise<RangeAnswer> {
    return this.#web.get(first, last, version, signal);
  }
}
