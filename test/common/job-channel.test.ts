import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { type JobMessage, jobReporter } from "../../src/common/index.js";

/** A process that was started as a job, and what it sent. */
class FakeProcess extends EventEmitter {
  readonly env = { EPSAM_JOB: "1" };
  readonly sent: JobMessage[] = [];
  send = (message: JobMessage) => this.sent.push(message);
}

describe("the reporter of a job", () => {
  it("is for processes alone that a server has started", () => {
    const gone = (): void => undefined;
    expect(jobReporter(Object.assign(new EventEmitter(), { env: {} }), gone)).toBeNull();
    expect(jobReporter(Object.assign(new EventEmitter(), { env: { EPSAM_JOB: "1" } }), gone)).toBeNull();
    expect(jobReporter(new FakeProcess(), gone)).not.toBeNull();
  });

  it("sends notes, warnings, and progress five times a second, each task's first and last always", () => {
    const job = new FakeProcess();
    let time = 0;
    const reporter = jobReporter(
      job,
      () => undefined,
      () => time,
    );
    reporter?.note("read");
    reporter?.warn("odd");
    for (let done = 1; done <= 10; done++, time += 50) reporter?.progress({ task: "one", done, total: 10 });
    reporter?.progress({ task: "two", done: 1, total: 3 });
    expect(job.sent.slice(0, 2)).toEqual([
      { type: "note", text: "read" },
      { type: "warning", text: "odd" },
    ]);
    const shown = job.sent.slice(2).map((message) => (message.type === "progress" ? message.event : null));
    expect(shown.map((event) => [event?.task, event?.done])).toEqual([
      ["one", 1],
      ["one", 5],
      ["one", 9],
      ["one", 10],
      ["two", 1],
    ]);
  });

  it("says when the server is gone", () => {
    const job = new FakeProcess();
    let isGone = false;
    jobReporter(job, () => {
      isGone = true;
    });
    job.emit("disconnect");
    expect(isGone).toBe(true);
  });
});
