import { Hono } from "hono";
import { z } from "zod";
import { namedPathSchema, offerSchema, type TakenIn } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import { indexParameter, jsonBody, parameter, queryOf } from "../requests.js";
import { Receiving } from "./receiving.js";
import { registerPath } from "./register.js";
import { takeIn } from "./take-in.js";

const pieceQuery = z.object({ offset: z.coerce.number().int().min(0) });

/** What is dropped on the page, see `offerSchema`, or named by its path, see `namedPathSchema`. */
export function receivingRoutes(context: ServerContext): Hono {
  const receiving = new Receiving(context.stateDirectory);
  const routes = new Hono();
  routes.post("/received", async (request) =>
    request.json({ id: await receiving.begin(await jsonBody(request, offerSchema)) }, 201),
  );
  routes.put("/received/:id/:index", async (request) => {
    const { offset } = queryOf(request, pieceQuery);
    const piece = new Uint8Array(await request.req.arrayBuffer());
    const [id, index] = [parameter(request, "id"), indexParameter(request, "index")];
    return request.json({ received: await receiving.take(id, index, offset, piece) });
  });
  routes.post("/received/:id/done", async (request) => {
    const body: TakenIn = await takeIn(context, receiving, parameter(request, "id"));
    return request.json(body);
  });
  routes.delete("/received/:id", async (request) => {
    await receiving.drop(parameter(request, "id"));
    return request.body(null, 204);
  });
  routes.post("/registered", async (request) => {
    const { path } = await jsonBody(request, namedPathSchema);
    return request.json(await registerPath(context, path.trim()));
  });
  return routes;
}
