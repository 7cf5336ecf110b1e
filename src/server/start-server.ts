import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { EpSamError, messageOf } from "../common/index.js";

export interface StartOptions {
  /** Address to bind to. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Milliseconds after which a client that takes nothing of its answer is cut off. Default: half a minute. */
  readonly stallTimeout?: number | undefined;
}

export interface RunningServer {
  readonly port: number;
  /** Stops listening, lets answers under way end for a moment, then cuts them off. */
  close(): Promise<void>;
}

const SECOND = 1000;
/** Connections at a time; a browser holds six. */
const MAX_CONNECTIONS = 512;
/** Time for a request's head, and for all of it. */
const HEAD_TIMEOUT = 10 * SECOND;
const REQUEST_TIMEOUT = 300 * SECOND;
/** A client that takes nothing of its answer for so long is cut off. */
const STALL_TIMEOUT = 30 * SECOND;
const CLOSING_TIME = 2 * SECOND;

/**
 * Serves an application on a socket.
 * @throws EpSamError `usage` when the address cannot be bound to
 */
export async function startServer(
  app: Pick<Hono, "fetch">,
  { host, port, stallTimeout = STALL_TIMEOUT }: StartOptions,
): Promise<RunningServer> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.headersTimeout = HEAD_TIMEOUT;
  server.requestTimeout = REQUEST_TIMEOUT;
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(stallTimeout, (socket) => {
    // Nothing to send is no stall: the answer may still be computed.
    if (socket.writableLength > 0) socket.destroy();
  });
  await listening(server, host, port);
  const address = server.address() as AddressInfo;
  return { port: address.port, close: () => closed(server) };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(bindError(host, port, cause)));
    server.listen(port, host, resolve);
  });
}

function bindError(host: string, port: number, cause: Error): EpSamError {
  const isTaken = "code" in cause && cause.code === "EADDRINUSE";
  return new EpSamError(
    "usage",
    {
      where: `${host}:${port}`,
      what: isTaken ? "is in use by another program" : "cannot be served at",
      why: isTaken ? undefined : messageOf(cause),
      action: isTaken ? "Choose another `port`, or 0 for any that is free." : "Check `host` and `port`.",
    },
    { cause },
  );
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), CLOSING_TIME);
    server.close((failure) => {
      clearTimeout(cutOff);
      if (failure === undefined) resolve();
      else reject(failure);
    });
    server.closeIdleConnections();
  });
}
