import { Readable } from "node:stream";
import { type WebResponse, webFetch } from "../../common/index.js";
import { FinalAnswer, type RangeAnswer, type RangeSource, type RemoteVersion } from "./range-source.js";

/** Longest chain of redirections. */
const MOST_REDIRECTIONS = 10;
const REDIRECTIONS = new Set([301, 302, 303, 307, 308]);
/** What an address that a redirection led to answers when its time is over. */
const ENDED = new Set([401, 403, 404, 410]);

/** A file of a web server. */
export class WebSource implements RangeSource {
  readonly #address: string;
  /** Where redirections led to last time. */
  #current: string;

  /** @param address with all that is secret in it */
  constructor(address: string) {
    this.#address = address;
    this.#current = address;
  }

  async get(
    first: number,
    last: number,
    version: RemoteVersion | null,
    signal: AbortSignal,
  ): Promise<RangeAnswer> {
    const headers = rangeHeaders(first, last, version);
    const answer = await this.#follow(this.#current, headers, signal);
    if (this.#current === this.#address || !ENDED.has(answer.status)) return answer;
    await answer.discard();
    this.#current = this.#address;
    return this.#follow(this.#address, headers, signal);
  }

  async #follow(
    address: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<RangeAnswer> {
    let url = new URL(address);
    const authorised = url.origin;
    const authorisation = basicAuthorisation(this.#address);
    for (let followed = 0; followed <= MOST_REDIRECTIONS; followed++) {
      const isAuthorised = url.origin === authorised && authorised === new URL(this.#address).origin;
      const response = await webFetch(withoutUser(url), {
        headers: { ...headers, ...(isAuthorised ? authorisation : {}) },
        redirect: "manual",
        signal,
      });
      if (!REDIRECTIONS.has(response.status)) {
        this.#current = url.href;
        return answerOf(response);
      }
      await response.body?.cancel();
      url = redirection(url, response.headers.get("location"));
    }
    throw new FinalAnswer("cannot be read from its server", `more than ${MOST_REDIRECTIONS} redirections`);
  }
}

/** @throws FinalAnswer for one that leads nowhere, or from an encrypted connection to an open one */
function redirection(from: URL, location: string | null): URL {
  const to = location !== null && URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  if (to === null || !/^https?:$/.test(to.protocol)) {
    throw new FinalAnswer("cannot be read from its server", "a redirection that leads nowhere");
  }
  if (from.protocol === "https:" && to.protocol === "http:") {
    throw new FinalAnswer("cannot be read from its server", "a redirection from https:// to http://");
  }
  return to;
}

/** What asks for a range, of the version that is known. */
export function rangeHeaders(
  first: number,
  last: number,
  version: RemoteVersion | null,
): Record<string, string> {
  const headers: Record<string, string> = {
    Range: `bytes=${first}-${last}`,
    "Accept-Encoding": "identity",
  };
  // A weak validator never matches (RFC 9110, 13.1.1).
  if (version?.etag?.startsWith('"')) headers["If-Match"] = version.etag;
  else if (version?.modified != null) headers["If-Unmodified-Since"] = version.modified;
  return headers;
}

export function answerOf({ status, headers, body }: WebResponse): RangeAnswer {
  return {
    status,
    header: (name) => headers.get(name),
    body: body ?? Readable.from([]),
    discard: async () => {
      // One that has failed refuses to be cancelled; its failure was thrown where it was read.
      if (body !== null && !body.locked) await body.cancel().catch(() => undefined);
    },
  };
}

function withoutUser(url: URL): string {
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain.href;
}

function basicAuthorisation(address: string): Record<string, string> {
  const { username, password } = new URL(address);
  if (username === "" && password === "") return {};
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { Authorization: `Basic ${Buffer.from(user).toString("base64")}` };
}
