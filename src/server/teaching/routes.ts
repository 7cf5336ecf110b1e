import { Hono } from "hono";
import {
  prepareTeachingSchema,
  suggestionRequestSchema,
  type Teaching,
  teachingQuery,
  teachingRequestSchema,
} from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import { jsonBody, parameter, queryOf } from "../requests.js";
import type { Teachings } from "./teachings.js";

/** Teaching with squares, as the contract says; the map's tiles are those of a layer. */
export function teachingRoutes({ workspace }: ServerContext, teachings: Teachings): Hono {
  const routes = new Hono();

  routes.get("/slides/:slide/teaching", async (request) => {
    const slide = workspace.slide(parameter(request, "slide"));
    const { run = null } = queryOf(request, teachingQuery);
    return request.json(await teachings.frame(slide, run, request.req.raw.signal));
  });

  routes.post("/slides/:slide/teaching/prepare", async (request) => {
    const slide = workspace.slide(parameter(request, "slide"));
    const wanted = await jsonBody(request, prepareTeachingSchema);
    await teachings.prepare(slide, wanted, request.req.raw.signal);
    return request.body(null, 204);
  });

  routes.post("/slides/:slide/teachings", async (request) => {
    const slide = workspace.slide(parameter(request, "slide"));
    const asked = await jsonBody(request, teachingRequestSchema);
    const started = performance.now();
    const taught = await teachings.teach(slide, asked, request.req.raw.signal);
    const body: Teaching = { ...taught, milliseconds: Math.round(performance.now() - started) };
    return request.json(body);
  });

  routes.post("/slides/:slide/teachings/:teaching/suggestions", async (request) => {
    const slide = workspace.slide(parameter(request, "slide"));
    const asked = await jsonBody(request, suggestionRequestSchema);
    const id = parameter(request, "teaching");
    return request.json(await teachings.suggest(slide, id, asked, request.req.raw.signal));
  });

  return routes;
}
