import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { writeFileAtomically } from "../../common/index.js";
import type { JobRequest } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import { freePlace, type JobPlan } from "./job-plan.js";
import { squaresTable } from "./jobs-folder.js";

/** A run of labelled squares of a slide, and the slide segmented with it where that is wanted. */
export async function planTeaching(
  context: ServerContext,
  id: string,
  { name, slide: slideId, run, squares, apply }: Extract<JobRequest, { kind: "teach" }>,
): Promise<JobPlan> {
  const { workspace, stateDirectory, annotationOrigin } = context;
  const slide = workspace.slide(slideId);
  const out = await freePlace(context, "runs", name);
  const table = squaresTable(stateDirectory, id);
  const rows = squares.map(({ x, y, size, tumour }) => [slide.name, x, y, size, tumour].map(String));
  await writeFileAtomically(table, stringify([["slide", "x", "y", "size", "tumour"], ...rows]));
  const origin = run === undefined ? [] : ["--run", workspace.run(run).root];
  const args = ["teach", slide.path, "--labelled-squares", table, ...origin, "--out", out, "--json"];
  const called = workspace.labelOf(slide);
  const teaching = {
    title: `Teach ${name} with ${squares.length} squares of ${called}`,
    args,
    resumeArgs: [...args, "--overwrite"],
    begun: out,
    done: join(out, "labelled-squares.csv"),
  };
  if (!apply) return { title: teaching.title, steps: [teaching], makes: { run: out }, slides: [] };
  const results = join(stateDirectory, "results", id);
  const inference = [
    ...["infer", slide.path, "--run", out, "--out", results, "--as", "slides", "--json", "--resume"],
    ...(annotationOrigin === undefined ? [] : ["--annotation-origin", annotationOrigin]),
  ];
  const title = `Segment ${called} with ${name}`;
  return {
    title: `Teach ${name} with ${squares.length} squares, and segment ${called}`,
    steps: [teaching, { title, args: inference, resumeArgs: inference, begun: null, done: null }],
    makes: { run: out, results, resultsName: name },
    slides: [slide.id],
  };
}
