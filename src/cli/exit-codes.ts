/** Exit codes of every command. */
export const ExitCode = {
  done: 0,
  failed: 1,
  /** The command line or the configuration is wrong; nothing was done. */
  wrongUsage: 2,
  /** Done, but some inputs were skipped; each was named on standard error. */
  someSkipped: 3,
  /** Stopped by Ctrl-C, as shells expect it (128 + signal number). */
  interrupted: 130,
  /** Stopped by SIGTERM. */
  terminated: 143,
} as const;
