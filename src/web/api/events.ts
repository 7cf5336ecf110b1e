import { type ReadonlySignal, signal } from "@preact/signals";
import type * as z from "zod/mini";
import { eventSchemas, type ServerEvent } from "../../contract/index.js";
import { readAnswer } from "./client.js";
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
    hear(source, "jobs", eventSchemas.jobs);
    hear(source, "workspace", eventSchemas.workspace);
    hear(source, "annotations", eventSchemas.annotations);
  };
  open();
}

function hear<Name extends EventName>(
  source: EventSource,
  name: Name,
  schema: z.ZodMiniType<DataOf<Name>>,
): void {
  source.addEventListener(name, ({ data }: MessageEvent<string>) => {
    try {
      const heard = readAnswer(schema, data, `${paths.events}: ${name}`);
      for (const listener of [...listeners[name]]) listener(heard);
    } catch (thrown) {
      for (const listener of failed) listener(thrown);
    }
  });
}
