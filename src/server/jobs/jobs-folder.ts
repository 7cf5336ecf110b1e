import { join } from "node:path";

/** Where a state directory keeps its jobs. */
export function jobsFolder(stateDirectory: string): string {
  return join(stateDirectory, "jobs");
}
