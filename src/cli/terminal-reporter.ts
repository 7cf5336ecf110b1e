import { type ProgressEvent, type Reporter, visibleText } from "../common/index.js";
import { progressBar, progressFigures, type TaskStart } from "./progress-line.js";
import { withFlags } from "./setting-flags.js";
import { coloursFor, isInteractive, type Terminal } from "./terminal.js";

/** Milliseconds between two states of a bar on a terminal, and between two plain lines elsewhere. */
const REDRAW_INTERVAL = 100;
const PLAIN_INTERVAL = 5000;
const CLEAR_LINE = "\r\u001b[2K";

/**
 * Draws progress on standard error: one line rewritten in place on a terminal, plain lines elsewhere, at most
 * one every five seconds besides each task's last.
 */
export class TerminalReporter implements Reporter {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #isInteractive: boolean;
  #task: { readonly name: string; readonly start: TaskStart } | undefined;
  #lastShown = Number.NEGATIVE_INFINITY;
  /** The unfinished line on the screen, to be put back below a note. */
  #line = "";

  constructor(terminal: Terminal, now: () => number = performance.now.bind(performance)) {
    this.#terminal = terminal;
    this.#now = now;
    this.#isInteractive = isInteractive(terminal.stderr, terminal.variables);
  }

  progress(event: ProgressEvent): void {
    const now = this.#now();
    if (this.#task?.name !== event.task) {
      this.finish();
      this.#task = { name: event.task, start: { time: now, done: event.done } };
      if (this.#isInteractive) this.#lastShown = Number.NEGATIVE_INFINITY;
    }
    const isLast = event.done >= event.total;
    const interval = this.#isInteractive ? REDRAW_INTERVAL : PLAIN_INTERVAL;
    if (!isLast && now - this.#lastShown < interval) return;
    this.#lastShown = now;
    const figures = progressFigures(event, this.#task.start, now);
    if (this.#isInteractive) this.#redraw(event, figures);
    else this.#write(`${visibleText(`${event.task}: ${figures}`)}\n`);
    if (!isLast) return;
    this.finish();
    this.#task = undefined;
  }

  note(message: string): void {
    this.#writeAboveBar(message);
  }

  warn(message: string): void {
    const { yellow } = coloursFor(this.#terminal.stderr, this.#terminal.variables);
    this.#writeAboveBar(message, yellow("Warning: "));
  }

  /** Ends an unfinished line, so that what is written next starts on a line of its own. */
  finish(): void {
    if (this.#line === "") return;
    this.#write("\n");
    this.#line = "";
  }

  #redraw(event: ProgressEvent, figures: string): void {
    const { cyan } = coloursFor(this.#terminal.stderr, this.#terminal.variables);
    const width = Math.max(20, this.#terminal.stderr.columns ?? 80) - 1;
    const task = visibleText(event.task).replaceAll(/\s+/g, " ");
    const bar = progressBar(event);
    const full = [...`${task}  ${bar}  ${visibleText(figures)}`];
    const short = full.length <= width ? full : [...`${task}  ${visibleText(figures)}`];
    const plain = short.slice(0, width).join("");
    this.#line = plain.replace(bar, cyan(bar));
    this.#write(CLEAR_LINE + this.#line);
  }

  #writeAboveBar(message: string, prefix = ""): void {
    const text = `${prefix}${visibleText(withFlags(message))}\n`;
    this.#write(this.#line === "" ? text : `${CLEAR_LINE}${text}${this.#line}`);
  }

  #write(text: string): void {
    this.#terminal.stderr.write(text);
  }
}
