import { Hono } from "hono";
import { packageVersion } from "../common/index.js";
import type { DatasetEntry, Workspace } from "../contract/index.js";
import type { ServerContext } from "./context.js";
import type { DatasetIndexes, IndexedDataset } from "./datasets/dataset-index.js";
import { problemOf } from "./problem.js";
import { allowedNames } from "./received/named-path.js";
import { runEntry } from "./runs/run-entry.js";
import { annotatedNames, SlideList } from "./slides/slide-entry.js";
import type { OpenWorkspace, WorkspaceDirectory } from "./workspace/workspace.js";

/** Slides that are opened at a time for the list. */
const OPENERS = 4;

/** `GET /workspace` */
export function workspaceRoutes(context: ServerContext, datasets: DatasetIndexes): Hono {
  const routes = new Hono();
  const list = new SlideList(context);
  routes.get("/workspace", async (request) => {
    const { workspace } = context;
    const described = await Promise.all(
      workspace.datasets.map((entry) => describeDataset(entry, workspace.labelOf(entry), datasets)),
    );
    const indexed = described.flatMap(({ index }) => (index === null ? [] : [index]));
    const body: Workspace = {
      version: await packageVersion(),
      slides: await listSlides(list, workspace),
      datasets: described.map(({ entry }) => entry),
      runs: await Promise.all(workspace.runs.map((run) => runEntry(run, workspace.labelOf(run), indexed))),
      folders: allowedNames(workspace),
    };
    return request.json(body, 200, { "Cache-Control": "no-store" });
  });
  return routes;
}

async function listSlides(list: SlideList, workspace: OpenWorkspace): Promise<Workspace["slides"]> {
  const { slides } = workspace;
  const annotated = await annotatedNames(workspace);
  const entries = new Array<Workspace["slides"][number]>(slides.length);
  const queue = slides.entries();
  const work = async (): Promise<void> => {
    for (const [index, slide] of queue) entries[index] = await list.entry(slide, annotated);
  };
  await Promise.all(Array.from({ length: OPENERS }, work));
  return entries;
}

async function describeDataset(
  directory: WorkspaceDirectory,
  name: string,
  datasets: DatasetIndexes,
): Promise<{ readonly entry: DatasetEntry; readonly index: IndexedDataset | null }> {
  const { id } = directory;
  try {
    const index = await datasets.open(directory);
    const { patchSize, counts } = index;
    return { entry: { id, name, patchSize, counts, problem: null }, index };
  } catch (failure) {
    const none = { positive: 0, negative: 0 };
    const counts = { train: none, val: none, test: none };
    return { entry: { id, name, patchSize: 0, counts, problem: problemOf(failure) }, index: null };
  }
}
