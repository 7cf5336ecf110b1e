import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { type JobEntry, jobsSchema, type Workspace, workspaceSchema } from "../../contract/index.js";
import {
  connectEvents,
  onConnected,
  onEventFailure,
  onServerEvent,
  paths,
  problemOf,
  requestJson,
} from "../api/index.js";
import { type Loaded, showProblem } from "../interface/index.js";
import { route } from "../routing/location.js";
import { withFetched, withJob } from "./job-list.js";

const workspaceState = signal<Loaded<Workspace>>({ state: "loading" });
const jobsState = signal<Loaded<readonly JobEntry[]>>({ state: "loading" });
const revisionState = signal(0);

/** Slides, datasets and runs. */
export const workspace: ReadonlySignal<Loaded<Workspace>> = workspaceState;
/** The newest first. */
export const jobs: ReadonlySignal<Loaded<readonly JobEntry[]>> = jobsState;
/** Counts the changes of the workspace: what was fetched under an earlier number may be outdated. */
export const workspaceRevision: ReadonlySignal<number> = revisionState;

/** Fetches slides, datasets and runs anew; what was there stays in view until the new is. */
export async function loadWorkspace(): Promise<void> {
  try {
    const value = await requestJson(workspaceSchema, paths.workspace);
    const known = workspaceState.value;
    if (known.state === "ready" && JSON.stringify(known.value) === JSON.stringify(value)) return;
    batch(() => {
      workspaceState.value = { state: "ready", value };
      if (known.state === "ready") revisionState.value += 1;
    });
  } catch (cause) {
    if (workspaceState.value.state === "ready") showProblem(cause);
    else workspaceState.value = { state: "failed", problem: problemOf(cause) };
  }
}

/** Fetches the jobs anew. */
export async function loadJobs(): Promise<void> {
  try {
    const fetched = await requestJson(jobsSchema, paths.jobs);
    jobsState.value = { state: "ready", value: withFetched(knownJobs(), fetched) };
  } catch (cause) {
    if (jobsState.value.state !== "ready") jobsState.value = { state: "failed", problem: problemOf(cause) };
    else showProblem(cause);
  }
}

/** A job that is new or has changed takes its place in the list. */
export function takeJob(job: JobEntry): void {
  jobsState.value = { state: "ready", value: withJob(knownJobs(), job) };
}

/** A job that is removed leaves the list. */
export function dropJob(id: string): void {
  jobsState.value = { state: "ready", value: knownJobs().filter((job) => job.id !== id) };
}

function knownJobs(): readonly JobEntry[] {
  return jobsState.value.state === "ready" ? jobsState.value.value : [];
}

/** Fetches everything once, and again whenever the server tells of changes or comes back. */
export function followServer(): void {
  onServerEvent("workspace", () => void loadWorkspace());
  // Counts of annotations are fetched when somebody goes elsewhere, not with every stroke.
  let isOutdated = false;
  const place = computed(() => (route.value.page === "slide" ? route.value.slide : route.value.page));
  onServerEvent("annotations", () => {
    isOutdated = true;
  });
  effect(() => {
    void place.value;
    if (isOutdated) void loadWorkspace();
    isOutdated = false;
  });
  onServerEvent("jobs", takeJob);
  onServerEvent("removed-jobs", ({ id }) => dropJob(id));
  onEventFailure(showProblem);
  const load = () => {
    void loadWorkspace();
    void loadJobs();
  };
  load();
  onConnected(load);
  connectEvents();
}
