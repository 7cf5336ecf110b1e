import { Hono } from "hono";
import { isEpSamError } from "../common/index.js";
import type { ServerContext } from "./context.js";
import { notFound, problemResponse, statusOf, unexpected } from "./problem.js";
import { workspaceRoutes } from "./workspace-routes.js";

/**
 * The whole application as a function from Request to Response: `app.request(path)` needs no socket.
 * Whatever a route throws is answered as a {@link ProblemBody}.
 */
export function createApp(context: ServerContext): Hono {
  const app = new Hono();
  app.onError((thrown) => {
    if (statusOf(thrown) === 500 && !isEpSamError(thrown)) context.reporter.warn(unexpected(thrown));
    return problemResponse(thrown);
  });
  app.notFound(() => problemResponse(notFound("there is nothing at this address")));
  // A room's group is added here: a function from the context to a Hono app with paths relative to its mount. Errors
  // are thrown, never answered by hand; bodies are read with jsonBody, which holds them to a schema.
  app.route("/api", workspaceRoutes(context));
  return app;
}
