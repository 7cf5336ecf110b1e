import { type ReadonlySignal, signal } from "@preact/signals";
import type { ServerEvent } from "../../contract/index.js";
import { paths } from "./paths.js";

type EventName = ServerEvent["event"];
type DataOf<Name extends EventName> = Extract<ServerEvent, { event: Name }>["data"];

/** Whether news of the server arrive. */
export type Connection = "connecting" | "live" | "lost";

const SHORTEST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;

const listeners: { readonly [Name in EventName]: Set<(data: DataOf<Name>) => void> } = {
  jobs: new Set(),
  workspace: new Set(),
  annotations: new Set(),
};
const reconnected = new Set<() => void>();
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

/** Listens to the server, and again whenever the connection broke, waiting longer each time. */
export function connectEvents(): void {
  let wait = SHORTEST_WAIT;
  const open = () => {
    const source = new EventSource(paths.events);
    source.onopen = () => {
      wait = SHORTEST_WAIT;
      const wasLost = state.value === "lost";
      state.value = "live";
      if (wasLost) for (const listener of [...reconnected]) listener();
    };
    // The browser gives up for good on some errors, such as a proxy's; so every one is answered with a new start.
    source.onerror = () => {
      source.close();
      state.value = "lost";
      setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
    hear(source, "jobs");
    hear(source, "workspace");
    hear(source, "annotations");
  };
  open();
}

function hear<Name extends EventName>(source: EventSource, name: Name): void {
  source.addEventListener(name, ({ data }: MessageEvent<string>) => {
    for (const listener of [...listeners[name]]) listener(JSON.parse(data));
  });
}
