/** Whether news of the server arrive. */
export type Connection = "connecting" | "live" | "lost";

/** What is told of the server's event stream: how it stands, or an event as it came. */
export type StreamNews = { readonly state: Connection } | { readonly event: string; readonly data: string };

const SHORTEST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;

/**
 * Listens to the server, and again whenever the connection broke, waiting longer each time.
 * @returns ends it
 */
export function listenToServer(
  address: string,
  events: readonly string[],
  tell: (news: StreamNews) => void,
): () => void {
  let wait = SHORTEST_WAIT;
  let end = (): void => undefined;
  const open = () => {
    const source = new EventSource(address);
    end = () => source.close();
    source.onopen = () => {
      wait = SHORTEST_WAIT;
      tell({ state: "live" });
    };
    // The browser gives up for good on some errors, such as a proxy's; so every one is answered with a new start.
    source.onerror = () => {
      source.close();
      tell({ state: "lost" });
      const timer = setTimeout(open, wait);
      end = () => clearTimeout(timer);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
    for (const event of events) {
      source.addEventListener(event, ({ data }: MessageEvent<string>) => tell({ event, data }));
    }
  };
  open();
  return () => end();
}
