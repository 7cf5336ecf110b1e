/** Seconds for which a browser may show a picture without asking again. */
const PICTURE_SECONDS = 600;

/** True when the client already has what the headers' ETag names. */
export function matchesTag(known: string | undefined, headers: Headers): boolean {
  const tag = headers.get("ETag");
  return known?.split(",").some((entry) => entry.trim() === tag) ?? false;
}

/** Headers of a picture that changes only with the file it was made from. */
export function pictureHeaders(mediaType: string, tag: string): Headers {
  return new Headers({
    "Content-Type": mediaType,
    "Cache-Control": `private, max-age=${PICTURE_SECONDS}`,
    ETag: `"${tag}"`,
  });
}

/** A picture, or 304 without making it when the client has it. */
export async function pictureResponse(
  request: { readonly known: string | undefined; readonly mediaType: string; readonly tag: string },
  make: () => Promise<Uint8Array>,
): Promise<Response> {
  const headers = pictureHeaders(request.mediaType, request.tag);
  if (matchesTag(request.known, headers)) return new Response(null, { status: 304, headers });
  return new Response(ownedBytes(await make()), { headers });
}

/** Bytes as a response takes them; those in memory that may be shared are copied. */
export function ownedBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : new Uint8Array(bytes);
}
