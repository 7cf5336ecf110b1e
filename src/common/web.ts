import type { Dispatcher, RequestInit, Response } from "undici";
import { messageOf } from "./errors.js";

/*
 * Requests to web servers, for downloads and for slides that stay where they are: through the proxy that HTTPS_PROXY,
 * HTTP_PROXY and NO_PROXY name, which Node 20's own fetch does not know.
 */

export type { Response as WebResponse } from "undici";

let dispatcher: Promise<Dispatcher> | null = null;

/** Each server through its proxy. Undici's own agent for that warns that it is experimental, on every start. */
async function dispatcherForProxies(): Promise<Dispatcher> {
  const [{ Agent, Pool, ProxyAgent }, { getProxyForUrl }] = await Promise.all([
    import("undici"),
    import("proxy-from-env"),
  ]);
  return new Agent({
    factory: (origin, options) => {
      const { protocol, host } = new URL(origin);
      // As curl does not, but many expect: where HTTP_PROXY alone is set, it serves all.
      const proxy = getProxyForUrl(`${protocol}//${host}`) || getProxyForUrl(`http://${host}`);
      return proxy === "" ? new Pool(origin, options) : new ProxyAgent({ uri: proxy });
    },
  });
}

/** As the web's `fetch`, through the proxy of the environment. */
export async function webFetch(url: string, init: RequestInit): Promise<Response> {
  const { fetch } = await import("undici");
  dispatcher ??= dispatcherForProxies();
  return fetch(url, { ...init, dispatcher: await dispatcher });
}

/** Aborts a connection that has gone silent. */
export class SilenceWatch {
  readonly #controller = new AbortController();
  readonly #limit: number;
  readonly #outer: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param limit milliseconds without a byte */
  constructor(limit: number, outer: AbortSignal | undefined) {
    this.#limit = limit;
    this.#outer = outer;
    outer?.addEventListener("abort", this.#onAbort, { once: true });
    if (outer?.aborted === true) this.#onAbort();
    this.heard();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    clearTimeout(this.#timer);
    const seconds = Math.round(this.#limit / 1000);
    this.#timer = setTimeout(
      () => this.#controller.abort(new Error(`no byte came for ${seconds} seconds`)),
      this.#limit,
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => this.#controller.abort(this.#outer?.reason);
}

/** Without a network, or with nobody listening, waiting does not help; whoever comes back starts the command again. */
const unreachable = new Set(["ENOTFOUND", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"]);

/** True for a failure of {@link webFetch} of that kind. */
export function isUnreachable(failure: unknown): boolean {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return cause instanceof Error && "code" in cause && unreachable.has(String(cause.code));
}

/** `fetch` hides the reason (no such host, connection refused) in its cause. */
export function describeFetchFailure(failure: unknown): string {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return cause === undefined ? messageOf(failure) : `${messageOf(failure)}: ${messageOf(cause)}`;
}
