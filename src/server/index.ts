export * from "../contract/index.js";
export { createApp } from "./app.js";
export { createServerContext, type ServerContext, type ServerContextOptions } from "./context.js";
export {
  DEFAULT_STATE_DIRECTORY,
  DEFAULT_VIEW_HOST,
  DEFAULT_VIEW_PORT,
  type ServedWorkspace,
  type ServeOptions,
  serveWorkspace,
} from "./serve-workspace.js";
