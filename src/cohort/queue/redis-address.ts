import { EpSamError } from "../../common/index.js";

/** Where a Redis is, and how it is asked. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly db: number;
  /** With TLS, whose certificate is checked. */
  readonly isSecure: boolean;
}

/**
 * Reads `redis://user:password@host:port/database`, or `rediss://` for TLS.
 * @throws EpSamError `usage`, which never repeats the address: it may hold a password
 */
export function parseRedisAddress(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  const database = /^\/?(\d{0,5})$/.exec(url?.pathname ?? "")?.[1];
  const isRedis = url?.protocol === "redis:" || url?.protocol === "rediss:";
  if (url === null || !isRedis || url.hostname === "" || database === undefined || url.search !== "") {
    throw new EpSamError("usage", {
      where: "`queue`",
      what: "is no address of a Redis",
      action:
        "Give it as redis://HOST:6379, or rediss://USER:PASSWORD@HOST:6379/0 with TLS; `%40` stands for @ in a password.",
    });
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    username: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
    db: Number(database === "" ? 0 : database),
    isSecure: url.protocol === "rediss:",
  };
}

/** An address as it may be told: without user and password. */
export function nameOfRedis({ host, port, isSecure }: RedisAddress): string {
  return `${isSecure ? "rediss" : "redis"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
