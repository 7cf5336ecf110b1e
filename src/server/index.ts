export { createApp } from "./app.js";
export { createServerContext, type ServerContext, type ServerContextOptions } from "./context.js";
export * from "./contract/index.js";
