import { join } from "node:path";

/** Where a state directory keeps its jobs. */
export function jobsFolder(stateDirectory: string): string {
  return join(stateDirectory, "jobs");
}

/** The labelled squares that a job was given. */
export function squaresTable(stateDirectory: string, job: string): string {
  return join(jobsFolder(stateDirectory), `${job}-squares.csv`);
}

/** The table with the resolutions that a job was given for slides that tell none. */
export function resolutionTable(stateDirectory: string, job: string): string {
  return join(jobsFolder(stateDirectory), `${job}-mpp.csv`);
}
