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

/** Bytes as `3.2 GB`, powers of ten. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
