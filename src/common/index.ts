export { type CacheEnvironment, cacheDirectory } from "./cache-directory.js";
export { deterministicUniform } from "./deterministic-fill.js";
export { type LockOptions, lockBeside, lockDirectory } from "./directory-lock.js";
export { EpSamError, type ErrorFields, type ErrorTag, isEpSamError, messageOf } from "./errors.js";
export {
  exists,
  hashBytes,
  hashFile,
  storageError,
  streamFileAtomically,
  writeFileAtomically,
} from "./files.js";
export { JOB_VARIABLE, type JobMessage, type JobProcess, jobReporter } from "./job-channel.js";
export { type ProgressEvent, type Reporter, silentReporter } from "./progress.js";
export { RandomStream } from "./random.js";
export { readSettings } from "./settings.js";
export { packageVersion } from "./version.js";
