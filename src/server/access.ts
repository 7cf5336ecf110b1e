import { createHash, timingSafeEqual } from "node:crypto";
import { hostname } from "node:os";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { EpSamError } from "../common/index.js";
import { problemResponse } from "./problem.js";

/** Who may talk to the server. */
export interface AccessRules {
  /** Names and addresses, without port, that a browser may reach the server by. */
  readonly hosts: ReadonlySet<string>;
  /** Whether any IP address will do too: a page from elsewhere can rebind a name, never an address. */
  readonly anyAddress: boolean;
  /** What every request must carry; null where only this machine can reach the server. */
  readonly token: string | null;
}

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const WILDCARD_ADDRESSES = new Set(["0.0.0.0", "::"]);
/** Long enough not to be guessed, and fit for a header. */
const TOKEN = /^[\x21-\x7e]{16,}$/;

/** Access from this machine alone, on any port, as through an SSH tunnel. */
export const localAccess: AccessRules = { hosts: new Set(LOOPBACK_HOSTS), anyAddress: false, token: null };

/** True for addresses that no other machine can reach. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * The rules that belong to an address the server is bound to.
 * @throws EpSamError `usage` when others can reach the address and there is no token, or it is too short
 */
export function accessRules(address: string, token: string | null): AccessRules {
  if (token !== null && !TOKEN.test(token)) {
    throw new EpSamError("usage", {
      where: "`token`",
      what: "is no token: at least 16 letters, digits and signs, without spaces",
      why: "whoever guesses it sees the slides and can start jobs",
      action: "Pass `token` alone and one is made.",
    });
  }
  if (token === null && !isLoopback(address)) {
    throw new EpSamError("usage", {
      where: "`host`",
      what: `${address} can be reached from other machines`,
      why: "whoever reaches it sees the slides and can start jobs",
      action:
        "Pass `token` as well, or leave `host` out and use an SSH tunnel: ssh -L 8765:localhost:8765 MACHINE.",
    });
  }
  const isWildcard = WILDCARD_ADDRESSES.has(address);
  const bound = address.includes(":") ? `[${address}]` : address.toLowerCase();
  const names = isWildcard ? [hostname().toLowerCase()] : [bound];
  return { hosts: new Set([...LOOPBACK_HOSTS, ...names]), anyAddress: isWildcard, token };
}

/** Refuses requests that another site's page makes, by a rebound name or directly, and those without the token. */
export function checkAccess(rules: AccessRules): MiddlewareHandler {
  return async (request, next) => {
    const url = new URL(request.req.url);
    requireKnownHost(request, url, rules);
    requireOwnPage(request, url);
    if (rules.token === null) return next();
    const cookie = cookieName(rules.token);
    const offered = url.searchParams.get("token");
    if (offered !== null && isSame(offered, rules.token)) {
      // Out of the address bar, so that links and histories do not carry it.
      setCookie(request, cookie, rules.token, { httpOnly: true, sameSite: "Lax", path: "/" });
      if (request.req.method !== "GET") return next();
      url.searchParams.delete("token");
      return request.redirect(`${url.pathname}${url.search}`, 303);
    }
    const carried = bearerToken(request) ?? getCookie(request, cookie);
    if (carried !== undefined && isSame(carried, rules.token)) return next();
    return unauthorised();
  };
}

/** Guards against DNS rebinding: a foreign name that was pointed at this machine is not answered. */
function requireKnownHost(request: Context, url: URL, { hosts, anyAddress }: AccessRules): void {
  const header = request.req.header("host");
  const isConsistent =
    header === undefined || header.toLowerCase() === url.host || header === `${url.host}:80`;
  const isKnown = hosts.has(url.hostname) || (anyAddress && isAddress(url.hostname));
  if (isConsistent && isKnown) return;
  throw new EpSamError("forbidden", {
    what: "the server is not known by this name",
    where: url.hostname,
    why: "a page from elsewhere could have pointed the name at this machine",
    action: "Use the address that `epsam view` printed, or start it for that name: `epsam view --host NAME`.",
  });
}

function isAddress(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || name.startsWith("[");
}

/** Guards against other sites' pages: browsers tell where a request comes from, and a page cannot lie about it. */
function requireOwnPage(request: Context, url: URL): void {
  const origin = request.req.header("origin");
  const site = request.req.header("sec-fetch-site");
  const isNavigation =
    request.req.header("sec-fetch-mode") === "navigate" &&
    request.req.header("sec-fetch-dest") === "document" &&
    request.req.method === "GET";
  const isOwnOrigin = origin === undefined || (URL.canParse(origin) && new URL(origin).host === url.host);
  // A link somewhere else may lead here: it shows the page, and has no effect.
  const isOwnSite = site === undefined || site === "same-origin" || site === "none" || isNavigation;
  if (isOwnOrigin && isOwnSite) return;
  throw new EpSamError("forbidden", {
    what: "requests from pages of other sites are refused",
    where: origin ?? site,
    action: "Open the address that `epsam view` printed.",
  });
}

function bearerToken(request: Context): string | undefined {
  return /^Bearer (\S+)$/i.exec(request.req.header("authorization") ?? "")?.[1];
}

/** Cookies are shared by all ports of a host: two servers must not overwrite each other's. */
function cookieName(token: string): string {
  return `epsam-${digest(token).toString("hex").slice(0, 12)}`;
}

/** Compared by digests of one length, in a time that tells nothing. */
function isSame(offered: string, token: string): boolean {
  return timingSafeEqual(digest(offered), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function unauthorised(): Response {
  const answer = problemResponse(
    new EpSamError("forbidden", {
      what: "the token is missing or wrong",
      action: "Open the address that `epsam view` printed: it carries the token.",
    }),
  );
  answer.headers.set("WWW-Authenticate", "Bearer");
  return new Response(answer.body, { status: 401, headers: answer.headers });
}
