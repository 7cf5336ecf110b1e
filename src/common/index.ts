export { type CacheEnvironment, cacheDirectory } from "./cache-directory.js";
export { carriedFile } from "./carried-file.js";
export {
  AnsweringChild,
  type Asker,
  answerParent,
  bytesSchema,
  ChildLost,
  type Conversation,
  floatsSchema,
  lastLine,
  loaderArguments,
  moduleBeside,
} from "./child-process.js";
export { closing } from "./closing.js";
export { compareText } from "./compare.js";
export { mapAhead, mapConcurrently, pause, pipelineStage, untilAborted } from "./concurrency.js";
export {
  type HeldLock,
  holdDirectory,
  type LockOptions,
  lockBeside,
  lockDirectory,
} from "./directory-lock.js";
export { formatBytes, requireWritable } from "./disk.js";
export {
  EpSamError,
  type ErrorFields,
  type ErrorTag,
  errorTags,
  isEpSamError,
  messageOf,
  skipReason,
} from "./errors.js";
export {
  anyExists,
  createFileAtomically,
  exists,
  fileErrorOf,
  hashBytes,
  hashFile,
  isTemporaryName,
  storageError,
  streamFileAtomically,
  writeFileAtomically,
} from "./files.js";
export { fromFloat16, toFloat16, valueOfHalf } from "./float16.js";
export {
  JOB_VARIABLE,
  type JobMessage,
  type JobProcess,
  jobMessageSchema,
  jobReporter,
} from "./job-channel.js";
export { joinedBytes } from "./joined-bytes.js";
export { isRecord, type JsonFailure, jsonIfFits, parseJson, readJson, whyNot } from "./json.js";
export { describeIssues, type KeysFile, readKeysFile } from "./keys-file.js";
export { must } from "./must.js";
export * from "./portable.js";
export { type ProgressEvent, type Reporter, silentReporter } from "./progress.js";
export { RandomStream } from "./random.js";
export { type FileError, RandomAccessFile, READ_WITHOUT_WAITING } from "./random-access-file.js";
export {
  absolutePath,
  addressOf,
  adoptAddresses,
  bucketAndKey,
  commandEnvironment,
  isRemotePath,
  remotePath,
  remotePaths,
  secretAddresses,
  withoutSecrets,
} from "./remote-path.js";
export { readSettings } from "./settings.js";
export { jsonPieces, Slices } from "./slices.js";
export { aboutTime, type PlannedWork, TimeLeft, type WorkDone } from "./time-left.js";
export { packageVersion } from "./version.js";
export {
  describeFetchFailure,
  isUnreachable,
  SilenceWatch,
  type WebResponse,
  webFetch,
} from "./web.js";
export { withoutFolders } from "./without-folders.js";
export { WorkQueue } from "./work-queue.js";
