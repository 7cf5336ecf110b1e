import { once } from "node:events";
import { createConnection } from "node:net";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/server/event-bus.js";
import { eventStream } from "../../src/server/jobs/event-stream.js";
import { startServer } from "../../src/server/start-server.js";

const workspaceEvent = { event: "workspace", data: {} } as const;
/** An event of 1 KB. */
const large = { event: "annotations", data: { slide: "s".repeat(1000), revision: 1 } } as const;

function begin(options = {}) {
  const events = new EventBus();
  const end = new AbortController();
  const answer = eventStream({ events, signal: end.signal }, options);
  if (answer.body === null) throw new Error("no body");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  return { events, end, answer, reader };
}

describe("events", () => {
  it("are sent as server-sent events to everybody who listens", async () => {
    const { events, answer, reader } = begin();
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect((await reader.read()).value).toBe("retry: 2000\n\n");
    events.publish(workspaceEvent);
    expect((await reader.read()).value).toBe("event: workspace\ndata: {}\n\n");
    events.publish({ event: "annotations", data: { slide: "a", revision: 2 } });
    expect((await reader.read()).value).toBe('event: annotations\ndata: {"slide":"a","revision":2}\n\n');
    await reader.cancel();
    expect(events.listeners).toBe(0);
  });

  it("are replaced by heartbeats when nothing happens, and end with the server", async () => {
    const { events, end, reader } = begin({ heartbeatMilliseconds: 10 });
    await reader.read();
    expect((await reader.read()).value).toBe(":\n\n");
    end.abort();
    expect(events.listeners).toBe(0);
    for (;;) if ((await reader.read()).done) break;
  });

  it("are dropped with the client that does not take them", async () => {
    const events = new EventBus();
    const answer = eventStream({ events, signal: new AbortController().signal }, { mostWaiting: 10_000 });
    let sent = 0;
    while (events.listeners > 0 && sent < 1000) {
      events.publish(large);
      sent += 1;
    }
    expect(sent).toBeLessThan(12);
    expect((await answer.text()).length).toBeLessThan(13_000);
  });

  it("do not hold memory for a client whose socket stalls", async () => {
    const events = new EventBus();
    const app = new Hono();
    app.get("/", () => eventStream({ events, signal: new AbortController().signal }));
    const server = await startServer(app, { host: "127.0.0.1", port: 0 });
    const socket = createConnection(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let received = "";
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
    });
    await once(socket, "data");
    socket.pause();
    let sent = 0;
    // Kernel buffers take some megabytes before anything is felt.
    for (; events.listeners > 0; sent += 1) {
      events.publish(large);
      if (sent % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      if (sent > 100_000) throw new Error("the client was never dropped");
    }
    expect(sent, "half a megabyte may wait").toBeGreaterThan(500);
    // What was sent until then still arrives, whole, and then the answer ends.
    socket.resume();
    await expect.poll(() => received.endsWith("\r\n0\r\n\r\n")).toBe(true);
    expect(received.split("event: annotations").length - 1).toBe(sent);
    socket.destroy();
    await server.close();
  });

  it("are for a bounded number of pages", () => {
    const events = new EventBus();
    const context = { events, signal: new AbortController().signal };
    const streams = Array.from({ length: 64 }, () => eventStream(context));
    expect(() => eventStream(context)).toThrow("64 pages are open already");
    expect(streams).toHaveLength(events.listeners);
  });
});
