/**
 * A server of annotations in a process of its own, for tests that kill it: state directory as the first argument,
 * bytes after which journals are compacted as the second; writes its port and the slide's id on standard output.
 */
import { Hono } from "hono";
import { silentReporter } from "../../src/common/index.js";
import { annotationRoutes } from "../../src/server/annotations/index.js";
import { createServerContext } from "../../src/server/context.js";
import { problemResponse } from "../../src/server/problem.js";
import { startServer } from "../../src/server/start-server.js";

const [, , stateDirectory = "", compactBytes = ""] = process.argv;
const context = createServerContext({
  stateDirectory,
  signal: new AbortController().signal,
  reporter: { ...silentReporter, warn: (message) => process.stderr.write(`${message}\n`) },
});
const slide = context.workspace.addSlide("/slides/case.tif").id;
const app = new Hono();
app.onError((thrown) => problemResponse(thrown));
app.route("/api", annotationRoutes(context, { compactBytes: Number(compactBytes) }));
const { port } = await startServer(app, { host: "127.0.0.1", port: 0 });
process.stdout.write(`${JSON.stringify({ port, slide })}\n`);
