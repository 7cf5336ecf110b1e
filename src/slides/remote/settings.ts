import { join } from "node:path";
import { adoptAddresses, cacheDirectory, EpSamError, secretAddresses } from "../../common/index.js";
import { type RemotePatience, remotePatience } from "./read-range.js";

/** How this process reads slides that lie on servers. */
export interface RemoteSlideSettings {
  /** Gigabytes (10⁹ bytes) of what was read that are kept on disk for later; 0, the default, keeps nothing. */
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
  const { cacheGigabytes = 0 } = given;
  if (!(cacheGigabytes >= 0 && Number.isFinite(cacheGigabytes))) {
    throw new EpSamError("usage", {
      where: "`cacheGigabytes`",
      what: `is ${cacheGigabytes}`,
      action: "Give a number of gigabytes, or 0 to keep nothing on disk.",
    });
  }
  settings = given;
}

export function remoteSettings(): ResolvedSettings {
  const { cacheGigabytes = 0, cacheFolder, patience = remotePatience } = settings;
  return {
    cacheBytes: Math.floor(cacheGigabytes * 1e9),
    cacheFolder: cacheFolder ?? join(cacheDirectory(), "remote-slides"),
    patience,
  };
}

/** What a process that reads slides for this one needs to know: secret, for that process alone. */
export interface RemoteAccess {
  readonly addresses: Readonly<Record<string, string>>;
  readonly settings: RemoteSlideSettings;
}

export function remoteAccess(): RemoteAccess {
  return { addresses: secretAddresses(), settings };
}

export function adoptRemoteAccess(access: RemoteAccess): void {
  adoptAddresses(access.addresses);
  configureRemoteSlides(access.settings);
}
