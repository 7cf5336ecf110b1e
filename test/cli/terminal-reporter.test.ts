import { describe, expect, it } from "vitest";
import { clock } from "../../src/cli/progress-line.js";
import { TerminalReporter } from "../../src/cli/terminal-reporter.js";
import { type RecordingTerminal, recordingTerminal } from "./recording-terminal.js";

/** A reporter whose clock the test moves. */
function reporterOn(terminal: RecordingTerminal) {
  const time = { seconds: 0 };
  return { time, reporter: new TerminalReporter(terminal, () => time.seconds * 1000) };
}

/** What a terminal shows in the end: carriage return and erase restart the line. */
function screen(text: string): string[] {
  return text.split("\n").map((line) => line.split("\r\u001b[2K").at(-1) ?? "");
}

describe("without a terminal", () => {
  it("writes a line at most every five seconds, and the last one always", () => {
    const terminal = recordingTerminal();
    const { time, reporter } = reporterOn(terminal);
    for (let done = 0; done <= 120; done++) {
      time.seconds = done / 10;
      reporter.progress({ task: "encoding", done, total: 120 });
    }
    expect(terminal.written.stderr.trimEnd().split("\n")).toEqual([
      "encoding: 0 %  0/120",
      "encoding: 41 %  50/120  10.0/s  0:07 left",
      "encoding: 83 %  100/120  10.0/s  0:02 left",
      "encoding: 100 %  120/120  10.0/s  in 0:12",
    ]);
    expect(terminal.written.stdout).toBe("");
  });

  it("does not flood when tasks are many and short", () => {
    const terminal = recordingTerminal();
    const { reporter } = reporterOn(terminal);
    for (let image = 0; image < 100; image++)
      reporter.progress({ task: `image ${image}`, done: 0, total: 9 });
    expect(terminal.written.stderr.split("\n")).toHaveLength(2);
  });

  it("has no control sequences, not even those of a file name", () => {
    const terminal = recordingTerminal();
    const { reporter } = reporterOn(terminal);
    reporter.warn("skipped \u001b[2Jevil\rname.png");
    reporter.warn("skipped slide-\u202efit.exe\u202c.tif");
    reporter.note("done");
    expect(terminal.written.stderr).toBe(
      "Warning: skipped \\x1b[2Jevil\\x0dname.png\n" +
        "Warning: skipped slide-\\u202efit.exe\\u202c.tif\ndone\n",
    );
  });
});

describe("on a terminal", () => {
  it("rewrites one line with bar, rate, time left and detail", () => {
    const terminal = recordingTerminal({ isTTY: true, columns: 120, variables: { NO_COLOR: "1" } });
    const { time, reporter } = reporterOn(terminal);
    reporter.progress({ task: "classifier", done: 0, total: 4 });
    time.seconds = 10;
    reporter.progress({ task: "classifier", done: 2, total: 4, detail: "loss 0.412" });
    const bar = `${"█".repeat(12)}${"░".repeat(12)}`;
    expect(screen(terminal.written.stderr)).toEqual([
      `classifier  ${bar}  50 %  2/4  5.0 s each  0:10 left  loss 0.412`,
    ]);
  });

  it("redraws at most ten times a second", () => {
    const terminal = recordingTerminal({ isTTY: true });
    const { time, reporter } = reporterOn(terminal);
    for (let done = 0; done < 1000; done++) {
      time.seconds = done / 1000;
      reporter.progress({ task: "encoding", done, total: 1000 });
    }
    expect(terminal.written.stderr.split("\r").length - 1).toBeLessThanOrEqual(11);
  });

  it("puts notes above the bar and ends it before the next task", () => {
    const terminal = recordingTerminal({ isTTY: true, columns: 80, variables: { NO_COLOR: "1" } });
    const { reporter } = reporterOn(terminal);
    reporter.progress({ task: "first", done: 1, total: 2 });
    reporter.note("wrote masks");
    reporter.progress({ task: "second", done: 2, total: 2 });
    const lines = screen(terminal.written.stderr);
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["wrote", "first", "second", ""]);
  });

  it("never exceeds the width", () => {
    const terminal = recordingTerminal({ isTTY: true, columns: 40, variables: { NO_COLOR: "1" } });
    const { reporter } = reporterOn(terminal);
    reporter.progress({ task: "a task with a rather long name", done: 1, total: 2, detail: "loss 0.4" });
    for (const line of screen(terminal.written.stderr)) expect([...line].length).toBeLessThan(40);
  });

  it("colours unless NO_COLOR is set", () => {
    const coloured = recordingTerminal({ isTTY: true });
    new TerminalReporter(coloured).warn("x");
    expect(coloured.written.stderr).toContain("\u001b[33m");
    const plain = recordingTerminal({ isTTY: true, variables: { NO_COLOR: "1" } });
    new TerminalReporter(plain).warn("x");
    expect(plain.written.stderr).toBe("Warning: x\n");
  });

  it("is treated as none when it is dumb", () => {
    const terminal = recordingTerminal({ isTTY: true, variables: { TERM: "dumb" } });
    new TerminalReporter(terminal).progress({ task: "t", done: 1, total: 2 });
    expect(terminal.written.stderr).toBe("t: 50 %  1/2\n");
  });
});

it("writes durations as a clock", () => {
  expect([0, 59.2, 61, 3661].map(clock)).toEqual(["0:00", "1:00", "1:01", "1:01:01"]);
});
