import { type ReadonlySignal, signal } from "@preact/signals";
import type * as z from "zod/mini";
import { eventNames, eventSchemas, type ServerEvent } from "../../contract/index.js";
import { readAnswer } from "./client.js";
import { type Connection, listenToServer, type StreamNews } from "./event-source.js";
import { paths } from "./paths.js";

type EventName = ServerEvent["event"];
type DataOf<Name extends EventName> = Extract<ServerEvent, { event: Name }>["data"];

const listeners: { readonly [Name in EventName]: Set<(data: DataOf<Name>) => void> } = {
  jobs: new Set(),
  "removed-jobs": new Set(),
  workspace: new Set(),
  annotations: new Set(),
};
const reconnected = new Set<() => void>();
const failed = new Set<(thrown: unknown) => void>();
const state = signal<Connection>("connecting");

/** Whether the page hears of changes. */
export const connection: ReadonlySignal<Connection> = state;

/** Calls for every event of a kind; returns the end of it. */
export function onServerEvent<Name extends EventName>(
  name: Name,
  listener: (data: DataOf<Name>) => void,
): () => void {
  const all: Set<(data: DataOf<Name>) => void> = listeners[name];
  all.add(listener);
  return () => {
    all.delete(listener);
  };
}

/** Calls whenever the connection stands again after it broke: what was missed meanwhile has to be fetched. */
export function onConnected(listener: () => void): () => void {
  reconnected.add(listener);
  return () => {
    reconnected.delete(listener);
  };
}

/** Calls when the server tells something that this page does not understand. */
export function onEventFailure(listener: (thrown: unknown) => void): void {
  failed.add(listener);
}

/**
 * Listens to the server: through the worker that all tabs share or, where there is none, while the page is seen.
 * Either way tabs that wait in the background take no connection from those that are used.
 */
export function connectEvents(): void {
  if (typeof SharedWorker === "undefined") {
    listenWhileSeen();
    return;
  }
  const address = new URL("events-worker.js", document.baseURI);
  const worker = new SharedWorker(address, { type: "module", name: "events" });
  worker.addEventListener("error", listenWhileSeen, { once: true });
  worker.port.addEventListener("message", ({ data }: MessageEvent<StreamNews>) => take(data));
  worker.port.start();
  addEventListener("pagehide", ({ persisted }) => {
    if (!persisted) worker.port.postMessage("left");
  });
}

function listenWhileSeen(): void {
  let close: (() => void) | null = null;
  const follow = () => {
    if (!document.hidden) close ??= listenToServer(paths.events, eventNames, take);
    else {
      close?.();
      close = null;
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

function take(news: StreamNews): void {
  if ("event" in news) {
    if (news.event === "jobs") hear("jobs", eventSchemas.jobs, news.data);
    if (news.event === "removed-jobs") hear("removed-jobs", eventSchemas["removed-jobs"], news.data);
    if (news.event === "workspace") hear("workspace", eventSchemas.workspace, news.data);
    if (news.event === "annotations") hear("annotations", eventSchemas.annotations, news.data);
    return;
  }
  // Whatever happened while nothing was heard has to be fetched.
  const hasMissed = news.state === "live" && state.value !== "connecting";
  state.value = news.state;
  if (hasMissed) for (const listener of [...reconnected]) listener();
}

/** Reads an event and tells it to whoever wants to know. */
function hear<Name extends EventName>(name: Name, schema: z.ZodMiniType<DataOf<Name>>, data: string): void {
  try {
    const heard = readAnswer(schema, data, `${paths.events}: ${name}`);
    for (const listener of [...listeners[name]]) listener(heard);
  } catch (thrown) {
    for (const listener of failed) listener(thrown);
  }
}
