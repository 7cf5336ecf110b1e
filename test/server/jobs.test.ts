import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentReporter } from "../../src/common/index.js";
import type { JobEntry, JobState, ProblemBody, ServerEvent } from "../../src/contract/index.js";
import { createServerContext, type ServerContext } from "../../src/server/context.js";
import { jobRoutes } from "../../src/server/jobs/index.js";
import { problemResponse } from "../../src/server/problem.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const files = temporaryDirectory();
const script = join(import.meta.dirname, "..", "support", "fake-command.mjs");
const command = { program: process.execPath, args: [script] };

/** A server on a state directory, and what it told. */
class JobServer {
  /** All that were not closed at the end of a test. */
  static readonly begun: JobServer[] = [];
  readonly #end = new AbortController();
  readonly context: ServerContext;
  readonly app = new Hono();
  readonly events: ServerEvent[] = [];

  constructor(stateDirectory: string) {
    JobServer.begun.push(this);
    this.context = createServerContext({
      stateDirectory,
      signal: this.#end.signal,
      reporter: silentReporter,
    });
    this.context.events.subscribe((event) => this.events.push(event));
    this.context.workspace.addRun("/runs/run");
    this.app.onError((thrown) => problemResponse(thrown));
    this.app.route("/api", jobRoutes(this.context, { command, graceMilliseconds: 300 }));
  }

  /** Starts `infer` on a slide whose name tells what it does. */
  async start(name: string): Promise<JobEntry> {
    const slide = this.context.workspace.addSlide(`/slides/${name}.tif`).id;
    const [run] = this.context.workspace.runs;
    return this.post("", { kind: "infer", run: run?.id, slides: [slide] }, 201);
  }

  async post<Body = JobEntry>(path: string, body: unknown = {}, status = 200): Promise<Body> {
    const request = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
    const answer = await this.app.request(`/api/jobs${path}`, request);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([status, text]);
    return JSON.parse(text);
  }

  async list(): Promise<JobEntry[]> {
    return JSON.parse(await (await this.app.request("/api/jobs")).text());
  }

  async until(id: string, isReached: (job: JobEntry) => boolean): Promise<JobEntry> {
    for (;;) {
      const job = (await this.list()).find((entry) => entry.id === id);
      if (job !== undefined && isReached(job)) return job;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  untilState(id: string, state: JobState): Promise<JobEntry> {
    return this.until(id, (job) => job.state === state);
  }

  /** Ends as Ctrl-C does, and waits until another server may begin. */
  async close(): Promise<void> {
    this.#end.abort();
    const lock = join(this.context.stateDirectory, "jobs", "jobs.lock");
    while (existsSync(lock)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let server: JobServer;
beforeEach(async () => {
  server = new JobServer(await files.folder());
});
afterEach(async () => {
  await Promise.all(JobServer.begun.splice(0).map((begun) => begun.close()));
});

const isAt = (done: number) => (job: JobEntry) => (job.progress?.done ?? 0) >= done;

describe("jobs", () => {
  it("leave no trace before there is one", async () => {
    expect(await server.list()).toEqual([]);
    expect(existsSync(join(server.context.stateDirectory, "jobs"))).toBe(false);
  });

  it("run one after the other, tell their progress and give the workspace their results", async () => {
    const [first, second] = [await server.start("work-4"), await server.start("work-2")];
    expect(first).toMatchObject({ state: "queued", title: "Segment work-4.tif with run" });
    await server.untilState(first.id, "running");
    expect((await server.list()).map(({ id, state }) => [id, state])).toEqual([
      [second.id, "queued"],
      [first.id, "running"],
    ]);
    const done = await server.untilState(second.id, "done");
    expect(done).toMatchObject({
      progress: { task: "working", done: 2, total: 2, detail: null },
      result: { slides: done.request.kind === "infer" ? done.request.slides : [] },
      problem: null,
      resumable: false,
    });
    // Folders never leave the server.
    expect(done.log).toEqual([`begins in ${second.id}`]);
    const job = (id: string, state: JobState) =>
      server.events.findIndex(
        (event) => event.event === "jobs" && event.data.id === id && event.data.state === state,
      );
    expect(job(first.id, "done")).toBeLessThan(job(second.id, "running"));
    expect(server.events.filter(({ event }) => event === "workspace")).toHaveLength(2);
    expect(server.context.workspace.results).toHaveLength(2);
  });

  it("are cancelled while they wait and while they run, and go on when resumed", async () => {
    const [first, second] = [await server.start("work-15"), await server.start("work-1")];
    expect((await server.post(`/${second.id}/cancel`)).state).toBe("cancelled");
    await server.until(first.id, isAt(2));
    expect(await server.post(`/${first.id}/cancel`)).toMatchObject({ state: "running", stopping: true });
    const cancelled = await server.untilState(first.id, "cancelled");
    expect(cancelled).toMatchObject({ resumable: true, stopping: false });
    const at = Number(
      readFileSync(join(server.context.stateDirectory, "results", first.id, "done.txt"), "utf8"),
    );
    await server.post(`/${first.id}/resume`);
    const done = await server.untilState(first.id, "done");
    expect(done.log.at(-1)).toBe(`goes on after ${at}`);
    expect((await server.post<ProblemBody>(`/${first.id}/cancel`, {}, 400)).problem.why).toBe("it is done");
    expect((await server.post<ProblemBody>(`/${first.id}/resume`, {}, 400)).problem.what).toBe(
      "cannot be resumed",
    );
  });

  it("are ended when they do not stop by themselves", async () => {
    const { id } = await server.start("stubborn-1000");
    await server.until(id, isAt(1));
    await server.post(`/${id}/cancel`);
    expect((await server.untilState(id, "cancelled")).problem).toBeNull();
  });

  it("tell why they failed, and the next one runs", async () => {
    const [failed, crashed, third] = [
      await server.start("fail"),
      await server.start("crash"),
      await server.start("work-1"),
    ];
    expect((await server.untilState(failed.id, "failed")).problem).toEqual({
      tag: "dataset",
      what: "has no patches",
      where: "set",
      why: null,
      action: "Add some.",
    });
    const { problem, resumable } = await server.untilState(crashed.id, "failed");
    expect(problem?.what).toBe("the job's process ended unexpectedly (SIGKILL)");
    expect(problem?.why).toContain("out of memory");
    expect(resumable).toBe(true);
    await server.untilState(third.id, "done");
  });

  it("are refused when they ask for what is not there, or for a name that is none", async () => {
    const slide = server.context.workspace.addSlide("/slides/a.tif").id;
    const base = { kind: "retrain", run: "nowhere", slides: [slide] };
    const refusal = (body: object, status: number) => server.post<ProblemBody>("", body, status);
    expect((await refusal({ ...base, name: "better" }, 404)).problem.what).toBe("there is no such run");
    for (const name of ["../up", "a/b", "", ".hidden", "end.", "x".repeat(65)]) {
      expect((await refusal({ ...base, name }, 400)).problem.tag).toBe("usage");
    }
    expect((await refusal({ kind: "format-disk" }, 400)).problem.tag).toBe("usage");
    expect((await server.app.request("/api/jobs/nothing/resume", { method: "POST" })).status).toBe(404);
  });

  it("do not get the place of one that is there or waits", async () => {
    const dataset = server.context.workspace.addDataset("/data").id;
    const training = { kind: "train", name: "again", dataset, preset: "paper-small", seed: 0 };
    await server.start("work-5");
    await server.post("", training, 201);
    const { problem } = await server.post<ProblemBody>("", training, 400);
    expect(problem.what).toBe("is a job with the same name");
  });
});

describe("the end of the server", () => {
  it("can be removed when they are over, and what they made is still there for the next server", async () => {
    const [first, second] = [await server.start("work-1"), await server.start("work-15")];
    await server.untilState(first.id, "done");
    const remove = (id: string) => server.app.request(`/api/jobs/${id}`, { method: "DELETE" });
    await server.until(second.id, isAt(1));
    const refused = await remove(second.id);
    expect(refused.status).toBe(400);
    expect(((await refused.json()) as ProblemBody).problem).toMatchObject({
      what: "is not over and cannot be removed",
      why: "it is running",
      action: "Cancel it first.",
    });
    expect((await remove(first.id)).status).toBe(204);
    expect((await server.list()).map(({ id }) => id)).toEqual([second.id]);
    expect(server.events.at(-1)).toEqual({ event: "removed-jobs", data: { id: first.id } });
    expect((await remove(first.id)).status).toBe(404);
    await server.post(`/${second.id}/cancel`);
    await server.untilState(second.id, "cancelled");
    expect((await remove(second.id)).status).toBe(204);
    const { stateDirectory } = server.context;
    expect(readFileSync(join(stateDirectory, "jobs", "jobs.json"), "utf8")).not.toContain("begins in");
    for (const { id } of [first, second]) {
      expect(existsSync(join(stateDirectory, "results", id, "done.txt"))).toBe(true);
    }
    await server.close();
    const next = new JobServer(stateDirectory);
    expect(await next.list()).toEqual([]);
    // Those of the one that was done, under the name of its run.
    const [results, ...others] = next.context.workspace.results;
    expect(others).toEqual([]);
    expect(next.context.workspace.resultsName(results ?? "")).toBe("run");
  });

  it("interrupts what runs and what waits; the next server offers to go on and starts nothing itself", async () => {
    const [first, second] = [await server.start("work-15"), await server.start("work-1")];
    await server.until(first.id, isAt(2));
    await server.close();
    const next = new JobServer(server.context.stateDirectory);
    const states = (await next.list()).map(({ state, resumable }) => [state, resumable]);
    expect(states).toEqual([
      ["interrupted", true],
      ["interrupted", true],
    ]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await next.list()).every(({ state }) => state === "interrupted")).toBe(true);
    await next.post(`/${second.id}/resume`);
    await next.post(`/${first.id}/resume`);
    const done = await next.untilState(first.id, "done");
    expect(done.log.at(-1)).toMatch(/^goes on after \d+$/);
    await next.close();
    const last = new JobServer(server.context.stateDirectory);
    expect((await last.list()).map(({ state }) => state)).toEqual(["done", "done"]);
    expect(last.context.workspace.results).toHaveLength(2);
  });

  it("leaves the jobs to the server that has them", async () => {
    await server.start("work-1");
    const other = new JobServer(server.context.stateDirectory);
    const answer = await other.app.request("/api/jobs");
    expect(answer.status).toBe(503);
  });

  it("says so when the list of jobs is damaged, and keeps it", async () => {
    const { id } = await server.start("work-1");
    await server.untilState(id, "done");
    await server.close();
    const path = join(server.context.stateDirectory, "jobs", "jobs.json");
    await writeFile(path, "{}");
    const next = new JobServer(server.context.stateDirectory);
    expect((await next.app.request("/api/jobs")).status).toBe(507);
    expect(readFileSync(path, "utf8")).toBe("{}");
  });
});
