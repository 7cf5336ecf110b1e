/** One moment of a long job, for progress bars, plain lines and server-sent events alike. */
export interface ProgressEvent {
  /** What is being done, for example `classifier: epoch 3/30`. */
  readonly task: string;
  readonly done: number;
  readonly total: number;
  /** A short figure beside the bar, for example `loss 0.412`. */
  readonly detail?: string | undefined;
}

/** Receives progress and notes; the command line draws them, the server streams them, tests ignore them. */
export interface Reporter {
  progress(event: ProgressEvent): void;
  /** A line worth keeping, for example a result or the path of a file written. */
  note(message: string): void;
  /** Something the user should know that did not stop the job. */
  warn(message: string): void;
}

/** A reporter that says nothing. */
export const silentReporter: Reporter = {
  progress: () => undefined,
  note: () => undefined,
  warn: () => undefined,
};
