import { Hono } from "hono";
import { messageOf } from "../../common/index.js";
import { jobRequestSchema } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import { jsonBody, parameter } from "../requests.js";
import { eventStream } from "./event-stream.js";
import { JobQueue, type JobQueueOptions } from "./job-queue.js";

/** Jobs and events; the contract says what they say. What runs is interrupted when the server ends. */
export function jobRoutes(context: ServerContext, options: JobQueueOptions = {}): Hono {
  const queue = new JobQueue(context, options);
  const warn = (failure: unknown): void => context.reporter.warn(messageOf(failure));
  // Jobs that an earlier server was cut off from, and what they made, are there from the start.
  queue.openExisting().catch(warn);
  context.signal.addEventListener("abort", () => {
    queue.close().catch(warn);
  });
  const routes = new Hono();
  routes.get("/events", () => eventStream(context));
  routes.get("/jobs", async (request) => {
    request.header("Cache-Control", "no-store");
    return request.json(await queue.list());
  });
  routes.post("/jobs", async (request) =>
    request.json(await queue.add(await jsonBody(request, jobRequestSchema)), 201),
  );
  for (const action of ["cancel", "resume"] as const) {
    routes.post(`/jobs/:id/${action}`, async (request) =>
      request.json(await queue[action](parameter(request, "id"))),
    );
  }
  routes.delete("/jobs/:id", async (request) => {
    await queue.remove(parameter(request, "id"));
    return request.body(null, 204);
  });
  return routes;
}
