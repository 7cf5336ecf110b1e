import { Hono } from "hono";
import { isEpSamError } from "../common/index.js";
import { type AccessRules, checkAccess, localAccess } from "./access.js";
import { annotationRoutes } from "./annotations/index.js";
import { limitBodies } from "./body-limits.js";
import type { ServerContext } from "./context.js";
import { datasetRoutes } from "./dataset-routes.js";
import { DatasetIndexes } from "./datasets/dataset-index.js";
import { jobRoutes } from "./jobs/index.js";
import { layerRoutes } from "./layer-routes.js";
import { SlideLayers } from "./layers/slide-layers.js";
import { learningRoutes } from "./learning/routes.js";
import { notFound, problemResponse, statusOf, unexpected } from "./problem.js";
import { receivingRoutes } from "./received/routes.js";
import { runRoutes } from "./run-routes.js";
import { RunMaskIndexes } from "./runs/run-mask-indexes.js";
import { securityHeaders } from "./security-headers.js";
import { segmentationRoutes } from "./segmentation/routes.js";
import { slideRoutes } from "./slide-routes.js";
import { staticRoutes } from "./static-routes.js";
import { teachingRoutes } from "./teaching/routes.js";
import { Teachings } from "./teaching/teachings.js";
import { tileRoutes } from "./tile-routes.js";
import { workspaceRoutes } from "./workspace-routes.js";

export interface AppOptions {
  /** Default: this machine alone. */
  readonly access?: AccessRules | undefined;
  /** Absolute path of the built page. Default: where the build puts it. */
  readonly pageDirectory?: string | undefined;
}

/**
 * The whole application as a function from Request to Response: `app.request(path)` needs no socket.
 * Whatever a route throws is answered as a {@link ProblemBody}.
 */
export function createApp(context: ServerContext, options: AppOptions = {}): Hono {
  const app = new Hono();
  app.onError((thrown, request) => {
    const isGone = request.req.raw.signal.aborted;
    if (!isGone && statusOf(thrown) === 500 && !isEpSamError(thrown)) {
      context.reporter.warn(unexpected(thrown));
    }
    return problemResponse(thrown);
  });
  app.notFound(() => problemResponse(notFound("there is nothing at this address")));
  app.use(securityHeaders(), checkAccess(options.access ?? localAccess), limitBodies());
  // A room's group is added here: a function from the context to a Hono app with paths relative to its mount. Errors
  // are thrown, never answered by hand; bodies are read with jsonBody, which holds them to a schema.
  const datasets = new DatasetIndexes();
  const masks = new RunMaskIndexes(context.signal);
  const layers = new SlideLayers(context);
  const teachings = new Teachings(context);
  app.route("/api", workspaceRoutes(context, datasets));
  app.route("/api", slideRoutes(context, layers, datasets));
  app.route("/api", tileRoutes(context));
  app.route("/api", layerRoutes(context, layers, teachings));
  app.route("/api", datasetRoutes(context, datasets, masks));
  app.route("/api", runRoutes(context, datasets, masks));
  app.route("/api", segmentationRoutes(context));
  app.route("/api", teachingRoutes(context, teachings));
  app.route("/api", annotationRoutes(context, {}, layers));
  app.route("/api", jobRoutes(context));
  app.route("/api", receivingRoutes(context));
  app.route("/api", learningRoutes(context));
  app.route("/", staticRoutes(options.pageDirectory));
  return app;
}
