import { Hono } from "hono";
import { packageVersion } from "../common/index.js";
import type { ServerContext } from "./context.js";
import type { Workspace } from "./contract/index.js";
import { slideEntry } from "./slide-entry.js";

/** `GET /workspace` */
export function workspaceRoutes(context: ServerContext): Hono {
  const routes = new Hono();
  routes.get("/workspace", async (request) => {
    const { workspace } = context;
    const body: Workspace = {
      version: await packageVersion(),
      slides: await Promise.all(workspace.slides.map((slide) => slideEntry(context, slide))),
      datasets: [],
      runs: [],
    };
    return request.json(body);
  });
  return routes;
}
