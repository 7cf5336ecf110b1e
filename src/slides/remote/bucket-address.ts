/*
 * Where a bucket is on the web: at Amazon, or at the server that AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names, as for
 * Amazon's own programs, with the bucket as the first part of the path (MinIO, Ceph, Google's interoperability).
 */

/** The address of a bucket, with a slash at its end. */
function bucketAddress(bucket: string): string {
  const endpoint = endpointOfEnvironment();
  if (endpoint !== undefined) return `${endpoint.replace(/\/+$/, "")}/${bucket}/`;
  // A certificate's wildcard stands for one name without dots.
  return bucket.includes(".") ? `https://s3.amazonaws.com/${bucket}/` : `https://${bucket}.s3.amazonaws.com/`;
}

export function endpointOfEnvironment(): string | undefined {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  return AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || undefined;
}

/** The address of a file in a bucket. */
export function keyAddress(bucket: string, key: string): string {
  return bucketAddress(bucket) + key.split("/").map(encodeURIComponent).join("/");
}

/** The address of a page of a bucket's list (ListObjectsV2): what lies directly under a prefix. */
export function listAddress(bucket: string, prefix: string, token: string | null): string {
  const parameters = new URLSearchParams({
    "list-type": "2",
    delimiter: "/",
    prefix,
    "encoding-type": "url",
  });
  if (token !== null) parameters.set("continuation-token", token);
  return `${bucketAddress(bucket)}?${parameters}`;
}
