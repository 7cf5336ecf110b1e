import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** What decides where the cache lies; the running process by default, something else in tests. */
export interface CacheEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

/**
 * Directory for what can be computed or downloaded again: `EPSAM_CACHE_DIR`, else the platform's place
 * (XDG Base Directory Specification 0.8 on Linux, which ignores relative paths). It need not exist yet.
 */
export function cacheDirectory(environment: CacheEnvironment = processEnvironment()): string {
  const { variables, platform, home } = environment;
  const chosen = variables.EPSAM_CACHE_DIR;
  if (chosen !== undefined && chosen !== "") return chosen;
  if (platform === "win32") {
    return join(variables.LOCALAPPDATA ?? join(home, "AppData", "Local"), "ep-sam", "Cache");
  }
  if (platform === "darwin") return join(home, "Library", "Caches", "ep-sam");
  const base = variables.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(home, ".cache"), "ep-sam");
}

function processEnvironment(): CacheEnvironment {
  return { variables: process.env, platform: process.platform, home: homedir() };
}
