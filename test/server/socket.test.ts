import { once } from "node:events";
import { request as httpRequest, Server } from "node:http";
import { connect, type Socket } from "node:net";
import { Hono } from "hono";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { isEpSamError, silentReporter } from "../../src/common/index.js";
import { createApp } from "../../src/server/app.js";
import { createServerContext } from "../../src/server/context.js";
import { type RunningServer, startServer } from "../../src/server/start-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const directory = temporaryDirectory();
const servers: RunningServer[] = [];

async function start(app: Pick<Hono, "fetch">, stallTimeout?: number): Promise<number> {
  const server = await startServer(app, { host: "127.0.0.1", port: 0, stallTimeout });
  servers.push(server);
  return server.port;
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

/** What a raw request is answered with, to the end of the connection. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = await connected(port);
  socket.write(text);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString("latin1");
  });
  await once(socket, "close");
  return answer;
}

function application() {
  const context = createServerContext({
    stateDirectory: directory.path("state"),
    signal: new AbortController().signal,
    reporter: silentReporter,
  });
  return createApp(context);
}

describe("on a socket", () => {
  it("the host of the request is checked, however it is told", async () => {
    const port = await start(application());
    const line = (head: string) => exchange(port, `${head}\r\nConnection: close\r\n\r\n`);
    expect(await line(`GET /api/workspace HTTP/1.1\r\nHost: 127.0.0.1:${port}`)).toMatch(/^HTTP\/1.1 200 /);
    expect(await line("GET /api/workspace HTTP/1.1\r\nHost: rebound.example")).toMatch(/^HTTP\/1.1 403 /);
    expect(
      await line(`GET http://rebound.example/api/workspace HTTP/1.1\r\nHost: 127.0.0.1:${port}`),
    ).toMatch(/^HTTP\/1.1 403 /);
    expect(await line(`GET http://127.0.0.1/api/workspace HTTP/1.1\r\nHost: rebound.example`)).toMatch(
      /^HTTP\/1.1 403 /,
    );
    expect(await line("GET /api/workspace HTTP/1.0")).toMatch(/^HTTP\/1.1 4\d\d /);
  });

  it("paths that climb out of their folder lead nowhere", async () => {
    const port = await start(application());
    for (const path of ["/../../etc/passwd", "/api/slides/../../../etc/passwd", "/..%2f..%2fetc%2fpasswd"]) {
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`;
      expect(await exchange(port, head)).toMatch(/^HTTP\/1.1 404 /);
    }
  });

  it("a body that is too large is refused before it has arrived", async () => {
    const port = await start(application());
    const sent = httpRequest({
      port,
      host: "127.0.0.1",
      method: "POST",
      path: "/api/jobs",
      headers: { "Content-Type": "application/json", "Transfer-Encoding": "chunked" },
    });
    sent.on("error", () => undefined);
    const answered = once(sent, "response");
    const chunk = Buffer.alloc(2 ** 20, 0x20);
    for (let mebibyte = 0; mebibyte < 4; mebibyte++) sent.write(chunk);
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    sent.destroy();
  });

  it("who stops taking an answer is cut off, while one that waits for it is not", async () => {
    const app = new Hono();
    app.get("/large", () => new Response(new Uint8Array(64 * 2 ** 20)));
    app.get("/slow", async () => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      return new Response("done");
    });
    const port = await start(app, 200);
    const stalled = await connected(port);
    stalled.pause();
    stalled.on("error", () => undefined);
    stalled.write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const slow = await exchange(port, "GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect(slow).toMatch(/done$/);
    // What was on its way is still delivered; then the end is seen.
    let received = 0;
    stalled.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    stalled.resume();
    await once(stalled, "close");
    expect(received).toBeLessThan(64 * 2 ** 20);
  });

  it("work is told when its client goes", async () => {
    const app = new Hono();
    let aborted = false;
    let began = (): void => undefined;
    const beginning = new Promise<void>((resolve) => {
      began = resolve;
    });
    let ended = (): void => undefined;
    const ending = new Promise<void>((resolve) => {
      ended = resolve;
    });
    app.get("/", async (request) => {
      const { signal } = request.req.raw;
      signal.addEventListener("abort", () => {
        aborted = true;
        ended();
      });
      began();
      await ending;
      return new Response("");
    });
    const socket = await connected(await start(app));
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await beginning;
    socket.destroy();
    await ending;
    expect(aborted).toBe(true);
  });

  it("an address that is taken is told as such", async () => {
    const port = await start(application());
    await expect(startServer(application(), { host: "127.0.0.1", port })).rejects.toSatisfy((failure) =>
      isEpSamError(failure, "usage"),
    );
  });

  it("closing ends idle connections at once", async () => {
    const listening = vi.spyOn(Server.prototype, "listen");
    onTestFinished(() => listening.mockRestore());
    const server = await startServer(application(), { host: "127.0.0.1", port: 0 });
    const [http] = listening.mock.contexts;
    if (!(http instanceof Server)) throw new Error("no server listens");
    // Neither of the two timers that end connections later may be what ends this one.
    http.keepAliveTimeout = 0;
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const socket = await connected(server.port);
    const gone = once(socket, "close");
    socket.write("GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "data");
    await server.close();
    await gone;
    expect(socket.destroyed).toBe(true);
  });
});
