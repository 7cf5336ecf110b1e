import { realpath } from "node:fs/promises";
import { EpSamError, exists } from "../../common/index.js";
import type { JobEntry } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import type { JobProducts, StoredJob } from "./job-file.js";

/** Puts what a job made into the workspace; returns the ids there. */
export async function addProducts(
  { makes, slides }: JobProducts,
  workspace: ServerContext["workspace"],
): Promise<JobEntry["result"]> {
  const present = async (path: string | undefined) =>
    path !== undefined && (await exists(path)) ? await realpath(path) : null;
  const [resultsAt, datasetAt, runAt] = [
    await present(makes.results),
    await present(makes.dataset),
    await present(makes.run),
  ];
  if (resultsAt !== null) workspace.addResults(resultsAt, makes.resultsName);
  return {
    ...(datasetAt === null ? {} : { dataset: workspace.addDataset(datasetAt).id }),
    ...(runAt === null ? {} : { run: workspace.addRun(runAt).id }),
    ...(resultsAt === null ? {} : { slides: [...slides] }),
  };
}

/**
 * Two jobs that wait must not write to one place either.
 * @throws EpSamError `usage` naming the job that is to make the same
 */
export function requireOwnPlaces(makes: StoredJob["plan"]["makes"], jobs: Iterable<StoredJob>): void {
  const wanted = new Set(placesOf(makes));
  for (const { entry, plan } of jobs) {
    const isPending = entry.state !== "done";
    if (!isPending || !placesOf(plan.makes).some((place) => wanted.has(place))) continue;
    throw new EpSamError("usage", {
      where: entry.title,
      what: "is a job with the same name",
      action: "Choose another name, or resume that job.",
    });
  }
}

function placesOf({ results, dataset, run }: StoredJob["plan"]["makes"]): string[] {
  return [results, dataset, run].filter((place) => place !== undefined);
}
