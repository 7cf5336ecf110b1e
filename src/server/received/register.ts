import { appendFile, mkdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { exists, messageOf, storageError } from "../../common/index.js";
import type { TakenIn } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import type { OpenWorkspace } from "../workspace/workspace.js";
import { namedPath } from "./named-path.js";
import { chooseOf, lookThrough, takenOf } from "./take-in.js";

/** What was added by path, a path in a line, each as JSON: names may have any sign. */
const REGISTERED_FILE = "registered.jsonl";

/**
 * Adds what somebody names by its path, where it lies; as of a drop, what is of no use is refused by name. The next server
 * on the state directory has it too.
 * @throws EpSamError as {@link namedPath}; `storage`
 */
export async function registerPath(context: ServerContext, text: string): Promise<TakenIn> {
  const { workspace, stateDirectory, events } = context;
  const path = await namedPath(workspace, text);
  const chosen = await chooseOf(context, await lookThrough(path));
  const known = new Set(workspace.slides.map(({ id }) => id));
  if (chosen.isSomething) {
    await remember(stateDirectory, path);
    add(workspace, chosen);
    events.publish({ event: "workspace", data: {} });
  }
  return takenOf(
    workspace,
    chosen,
    workspace.slides.filter(({ id }) => !known.has(id)),
  );
}

type Usable = Pick<
  Awaited<ReturnType<typeof chooseOf>>,
  "slides" | "annotations" | "datasets" | "runs" | "results"
>;

function add(workspace: OpenWorkspace, { slides, annotations, datasets, runs, results }: Usable): void {
  for (const { path } of slides) workspace.addSlide(path);
  for (const { root } of datasets) workspace.addDataset(root);
  for (const { root } of runs) workspace.addRun(root);
  for (const root of results) workspace.addResults(root);
  for (const path of annotations) workspace.addAnnotationFolder(dirname(path));
}

async function remember(stateDirectory: string, path: string): Promise<void> {
  const file = join(stateDirectory, REGISTERED_FILE);
  try {
    await mkdir(stateDirectory, { recursive: true });
    await appendFile(file, `${JSON.stringify(path)}\n`);
  } catch (cause) {
    throw storageError(file, cause);
  }
}

/** Adds what was added by path on earlier servers, as far as its folders are still allowed; what is not is told. */
export async function addAllRegistered(
  workspace: OpenWorkspace,
  stateDirectory: string,
  warn: (message: string) => void,
): Promise<void> {
  const file = join(stateDirectory, REGISTERED_FILE);
  if (!(await exists(file))) return;
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  for (const line of new Set(lines)) {
    try {
      const path = await namedPath(workspace, z.string().parse(JSON.parse(line)));
      const { workspace: found, annotations } = await lookThrough(path);
      add(workspace, {
        annotations,
        slides: found.slides,
        datasets: found.datasets,
        runs: found.runs,
        results: found.results,
      });
    } catch (failure) {
      warn(`${basename(file)}: ${line}, which was added by its path, is left out: ${messageOf(failure)}`);
    }
  }
}
