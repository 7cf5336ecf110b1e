import { join } from "node:path";
import { cacheDirectory, EpSamError } from "../../common/index.js";
import { type RemotePatience, remotePatience } from "./read-range.js";

/** How this process reads slides that lie on servers. */
export interface RemoteSlideSettings {
  /** Gigabytes (10⁹ bytes) of what was read that are kept on disk for later, 0 for nothing; by default what the variable EPSAM_CACHE_GIGABYTES says, else nothing. */
  readonly cacheGigabytes?: number | undefined;
  /** Where; by default `remote-slides` in the cache directory. */
  readonly cacheFolder?: string | undefined;
  readonly patience?: RemotePatience | undefined;
}

interface ResolvedSettings {
  readonly cacheBytes: number;
  readonly cacheFolder: string;
  readonly patience: RemotePatience;
}

let settings: RemoteSlideSettings = {};

/**
 * Says how slides on servers are read by this process, for those that are opened from now on.
 * @throws EpSamError `usage` for a negative size
 */
export function configureRemoteSlides(given: RemoteSlideSettings): void {
  requireSize("`cacheGigabytes`", given.cacheGigabytes ?? 0);
  settings = given;
}

function ofEnvironment(): number {
  const text = process.env.EPSAM_CACHE_GIGABYTES ?? "";
  const gigabytes = text === "" ? 0 : Number(text);
  requireSize("EPSAM_CACHE_GIGABYTES", gigabytes);
  return gigabytes;
}

function requireSize(where: string, gigabytes: number): void {
  if (gigabytes >= 0 && Number.isFinite(gigabytes)) return;
  const action = "Give a number of gigabytes, or 0 to keep nothing on disk.";
  throw new EpSamError("usage", { where, what: `is ${gigabytes}`, action });
}

export function remoteSettings(): ResolvedSettings {
  const { cacheGigabytes = ofEnvironment(), cacheFolder, patience = remotePatience } = settings;
  return {
    cacheBytes: Math.floor(cacheGigabytes * 1e9),
    cacheFolder: cacheFolder ?? join(cacheDirectory(), "remote-slides"),
    patience,
  };
}
