import { setMaxListeners } from "node:events";
import { EpSamError } from "../../common/index.js";
import type { ServerContext } from "../context.js";

/** Something is sent at least this often, so that both sides notice when the other is gone. */
const HEARTBEAT_MILLISECONDS = 15_000;
/** Bytes that may wait for a client; one that takes less is cut off, and its page connects again. */
const MOST_WAITING = 512 * 1024;
/** Pages that listen at a time. */
const MOST_CLIENTS = 64;
/** Milliseconds after which a page connects again. */
const RETRY_MILLISECONDS = 2000;

export interface EventStreamOptions {
  readonly heartbeatMilliseconds?: number | undefined;
  readonly mostWaiting?: number | undefined;
}

/**
 * Everything that happens in the server, as server-sent events (HTML Standard, section 9.2). A client that does not
 * take them loses its connection instead of holding memory.
 * @throws EpSamError `busy` when too many listen
 */
export function eventStream(
  { events, signal }: Pick<ServerContext, "events" | "signal">,
  options: EventStreamOptions = {},
): Response {
  const { heartbeatMilliseconds = HEARTBEAT_MILLISECONDS, mostWaiting = MOST_WAITING } = options;
  if (events.listeners >= MOST_CLIENTS) {
    throw new EpSamError("busy", { what: `${MOST_CLIENTS} pages are open already` });
  }
  // Each page listens for the end of the server.
  setMaxListeners(0, signal);
  const encoder = new TextEncoder();
  let stop = (): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = (): void => {
          stop();
          controller.close();
        };
        const send = (text: string): void => {
          controller.enqueue(encoder.encode(text));
          // What waits is still sent, if the client ever takes it; then its page connects again.
          if ((controller.desiredSize ?? 0) <= 0) end();
        };
        const unsubscribe = events.subscribe(({ event, data }) =>
          send(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
        );
        const heartbeat = setInterval(() => send(":\n\n"), heartbeatMilliseconds);
        heartbeat.unref();
        signal.addEventListener("abort", end, { once: true });
        stop = () => {
          unsubscribe();
          clearInterval(heartbeat);
          signal.removeEventListener("abort", end);
        };
        send(`retry: ${RETRY_MILLISECONDS}\n\n`);
      },
      cancel() {
        stop();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: mostWaiting }),
  );
  const headers = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    // Reverse proxies would hold events back.
    "X-Accel-Buffering": "no",
  };
  return new Response(body, { headers });
}
