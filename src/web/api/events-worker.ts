import { eventNames } from "../../contract/index.js";
import { type Connection, listenToServer, type StreamNews } from "./event-source.js";
import { paths } from "./paths.js";

/**
 * One event stream for all tabs: a browser keeps six connections to a server, and each stream takes one for as long as
 * its tab is open.
 */
const tabs = new Set<MessagePort>();
let state: Connection = "connecting";

addEventListener("connect", (event) => {
  if (!(event instanceof MessageEvent)) return;
  for (const tab of event.ports) {
    tabs.add(tab);
    // A tab says so when it is left; one that cannot hears no more, which costs nothing.
    tab.addEventListener("message", () => tabs.delete(tab));
    tab.start();
    tab.postMessage({ state } satisfies StreamNews);
  }
});

listenToServer(new URL(paths.events, location.href).href, eventNames, (news) => {
  if ("state" in news) state = news.state;
  for (const tab of tabs) tab.postMessage(news);
});
