import { readFile } from "node:fs/promises";
import type { Queue as BullQueue } from "bullmq";
import type { Redis } from "ioredis";
import { EpSamError, messageOf, pause, type Reporter, untilAborted } from "../../common/index.js";
import { nameOfRedis, parseRedisAddress, type RedisAddress } from "./redis-address.js";

/** Name of the queue in Redis; all commands share it. */
export const QUEUE_NAME = "epsam";
/** Milliseconds between two attempts to reach Redis. */
const RETRY = 2000;

type BullMq = typeof import("bullmq");

/** BullMQ and its client, which are installed apart since most users have no cluster. */
async function loadBullMq(): Promise<{ readonly bullmq: BullMq; readonly RedisClient: typeof Redis }> {
  try {
    const [bullmq, { Redis: RedisClient }] = await Promise.all([import("bullmq"), import("ioredis")]);
    return { bullmq, RedisClient };
  } catch (cause) {
    throw new EpSamError(
      "configuration",
      {
        where: "`queue`",
        what: "needs the packages bullmq and ioredis, which are not installed",
        why: messageOf(cause).split("\n")[0],
        action: "Install them beside ep-sam: npm install bullmq ioredis",
      },
      { cause },
    );
  }
}

/** A Redis that answers, and what is built on it. */
export interface QueueConnection {
  readonly bullmq: BullMq;
  readonly options: Awaited<ReturnType<typeof clientOptions>> & {
    readonly maxRetriesPerRequest: null;
    readonly retryStrategy: (times: number) => number | null;
  };
  /** For what BullMQ has no word for. */
  readonly client: Redis;
  readonly queue: BullQueue;
  readonly address: RedisAddress;
  /** Whether Redis answers at the moment: what is asked of one that is away waits until it is back. */
  isThere(): boolean;
  /** Whether Redis answered what is asked; false as soon as it is away, which may be told after the question. */
  answers(ask: () => Promise<unknown>): Promise<boolean>;
  /** A Redis that is away is no longer waited for: what was asked of it fails. */
  giveUp(): void;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** `redis://…` or `rediss://…`. */
  readonly url: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects with the queue; a Redis that does not answer is told and waited for, now and later.
 * @throws EpSamError `usage` for an address that is none, `configuration` when a package is missing or Redis refuses user
 *   and password or has another certificate
 */
export async function connectQueue({ url, reporter, signal }: ConnectOptions): Promise<QueueConnection> {
  const address = parseRedisAddress(url);
  const { bullmq, RedisClient } = await loadBullMq();
  const base = await clientOptions(address);
  await untilThere(new RedisClient({ ...base, lazyConnect: true, retryStrategy: () => null }), address, {
    reporter,
    signal,
  });
  let isGivenUp = false;
  const options = {
    ...base,
    // Commands wait for a Redis that is away.
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => (isGivenUp ? null : Math.min(100 * times, RETRY)),
  };
  const client = new RedisClient(options);
  watch(client, address, reporter);
  await requireNoEviction(client, address, reporter);
  const queue = new bullmq.Queue(QUEUE_NAME, { connection: options, skipMetasUpdate: true });
  // What the client tells is told once.
  queue.on("error", () => undefined);
  const isThere = () => client.status === "ready";
  const answers = async (ask: () => Promise<unknown>): Promise<boolean> => {
    if (!isThere()) return false;
    const away = new AbortController();
    const leave = () => away.abort();
    client.once("close", leave);
    try {
      await untilAborted(ask(), away.signal);
      return true;
    } catch (failure) {
      if (away.signal.aborted) return false;
      throw failure;
    } finally {
      client.off("close", leave);
    }
  };
  const giveUp = (): void => {
    isGivenUp = true;
  };
  const close = async (): Promise<void> => {
    giveUp();
    // One that is away would be waited for, to be told of it.
    await answers(() => queue.close());
    client.disconnect();
  };
  return { bullmq, options, client, queue, address, isThere, answers, giveUp, close };
}

/** An authority of one's own has its certificate in the file that EPSAM_REDIS_CA names. */
async function clientOptions({ host, port, username, password, db, isSecure }: RedisAddress) {
  const ca = process.env.EPSAM_REDIS_CA;
  return {
    ...{ host, port, db },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(isSecure
      ? { tls: { servername: host, ...(ca === undefined ? {} : { ca: await readFile(ca) }) } }
      : {}),
  };
}

/** Errors that waiting does not mend. */
const REFUSED =
  /WRONGPASS|NOAUTH|NOPERM|certificate|self[- ]signed|CERT_|wrong version number|packet length/i;

async function untilThere(
  probe: Redis,
  address: RedisAddress,
  { reporter, signal }: Omit<ConnectOptions, "url">,
): Promise<void> {
  let last = "";
  probe.on("error", (failure: Error) => {
    last = messageOf(failure);
  });
  try {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const failure = await tryOnce(probe);
      if (failure === null) return;
      const why = `${last} ${failure}`.trim();
      if (REFUSED.test(why)) throw refused(address, last === "" ? failure : last);
      if (attempt === 1)
        reporter.warn(`${nameOfRedis(address)} does not answer (${last || failure}); waiting for it.`);
      await pause(RETRY, signal);
    }
  } finally {
    probe.disconnect();
  }
}

async function tryOnce(probe: Redis): Promise<string | null> {
  try {
    await probe.connect();
    await probe.ping();
    return null;
  } catch (failure) {
    probe.disconnect();
    return messageOf(failure);
  }
}

function refused(address: RedisAddress, why: string): EpSamError {
  return new EpSamError("configuration", {
    where: nameOfRedis(address),
    what: "refuses the connection",
    why,
    action:
      "Check user and password, and whether it speaks TLS (rediss://); EPSAM_REDIS_CA names a file of its authority's certificate.",
  });
}

/** Tells once when Redis is away, and once when it is back. */
function watch(client: Redis, address: RedisAddress, reporter: Reporter): void {
  let isAway = false;
  const away = (why: string): void => {
    if (isAway || client.status === "end") return;
    isAway = true;
    reporter.warn(`${nameOfRedis(address)} is away (${why}); waiting for it, nothing is lost.`);
  };
  client.on("error", (failure: Error) => away(messageOf(failure)));
  client.on("close", () => away("the connection was closed"));
  client.on("ready", () => {
    if (isAway) reporter.note(`${nameOfRedis(address)} is back.`);
    isAway = false;
  });
}

/** A Redis that forgets keys when it is full loses slides. */
async function requireNoEviction(client: Redis, address: RedisAddress, reporter: Reporter): Promise<void> {
  const policy = /maxmemory_policy:(\S+)/.exec(await client.info("memory"))?.[1];
  if (policy === undefined || policy === "noeviction") return;
  reporter.warn(
    `${nameOfRedis(address)} forgets keys when it is full (maxmemory-policy ${policy}); set it to noeviction.`,
  );
}

/**
 * Asks Redis, again and again while it is full, which is told once.
 * @throws what was thrown for another reason
 */
export async function whenThereIsRoom<T>(
  ask: () => Promise<T>,
  { reporter, signal }: Omit<ConnectOptions, "url">,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (failure) {
      if (!isFull(failure)) throw failure;
      if (attempt === 1) {
        reporter.warn(
          "Redis is full (maxmemory); waiting until it has room. Give it more, or clear its queue.",
        );
      }
      await pause(RETRY, signal);
    }
  }
}

/** Also while it loads its file after a restart, or cannot write it. */
export function isFull(failure: unknown): boolean {
  return /\bOOM\b|\bMISCONF\b|\bLOADING\b/.test(messageOf(failure));
}
