import { describe, expect, it } from "vitest";
import type { JobState } from "../../src/contract/index.js";
import { withFetched, withJob } from "../../src/web/state/job-list.js";

const job = (id: string, revision: number, state: JobState) => ({ id, revision, state });

describe("the page's list of jobs", () => {
  it("keeps the event of a job's end when the answer to its cancelling arrives later", () => {
    const ended = withJob([job("a", 5, "running")], job("a", 7, "cancelled"));
    expect(withJob(ended, job("a", 6, "running"))).toEqual([job("a", 7, "cancelled")]);
  });

  it("takes what is newer in its place, and what is new in front", () => {
    const known = [job("b", 4, "queued"), job("a", 3, "running")];
    expect(withJob(known, job("a", 5, "done"))).toEqual([job("b", 4, "queued"), job("a", 5, "done")]);
    expect(withJob(known, job("c", 6, "queued")).map(({ id }) => id)).toEqual(["c", "b", "a"]);
  });

  it("keeps what events told after a list was written, and drops what the server has forgotten", () => {
    const known = [job("new", 9, "queued"), job("a", 8, "done"), job("old", 1, "done")];
    const fetched = [job("b", 7, "queued"), job("a", 6, "running")];
    expect(withFetched(known, fetched)).toEqual([
      job("new", 9, "queued"),
      job("b", 7, "queued"),
      job("a", 8, "done"),
    ]);
  });
});
