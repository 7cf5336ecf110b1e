export {
  isAbort,
  problemOf,
  type RequestOptions,
  request,
  requestJson,
  ServerProblem,
} from "./client.js";
export type { Connection } from "./event-source.js";
export {
  connectEvents,
  connection,
  onConnected,
  onEventFailure,
  onServerEvent,
} from "./events.js";
export { paths } from "./paths.js";
