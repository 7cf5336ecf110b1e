/** `fail` means that commands cannot work here, `warn` that something is slower, `none` that nobody misses it. */
export type CheckState = "ok" | "none" | "warn" | "fail";

/** One line of `epsam doctor`. */
export interface Check {
  readonly name: string;
  readonly state: CheckState;
  /** What was found. */
  readonly found: string;
  /** What to do, for everything that is not `ok`. */
  readonly action?: string | undefined;
}
