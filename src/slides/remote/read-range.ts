import {
  describeFetchFailure,
  EpSamError,
  isEpSamError,
  isUnreachable,
  pause,
  SilenceWatch,
} from "../../common/index.js";
import { slideError } from "../slide-error.js";
import { acceptAnswer } from "./accept-answer.js";
import { FinalAnswer, PassingAnswer, type RangeSource, type RemoteVersion } from "./range-source.js";

/** How patient reading a remote file is. */
export interface RemotePatience {
  /** Attempts in a row that bring next to nothing before we give up; each goes on where the last one broke off. */
  readonly attempts: number;
  /** Milliseconds before the next attempt, on average; doubled each time that next to nothing came. */
  readonly pause: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly silence: number;
  /** Milliseconds for one range altogether, so that a server that sends byte after byte ends too. */
  readonly total: number;
}

export const remotePatience: RemotePatience = {
  attempts: 6,
  pause: 500,
  silence: 30_000,
  total: 300_000,
};

/** Bytes that an attempt must bring to count as one that gets on. */
const PROGRESS_BYTES = 4096;
/** A server that asks for more patience than this is asked again sooner. */
const LONGEST_WAIT = 60_000;

export interface RangeRequest {
  /** For messages: nothing secret is in it. */
  readonly path: string;
  readonly source: RangeSource;
  readonly first: number;
  /** Bytes wanted, at least 1; fewer are read where the file ends before. */
  readonly length: number;
  /** What the file was when it was first read; null when this is the first time. */
  readonly version: RemoteVersion | null;
  readonly patience: RemotePatience;
  readonly signal: AbortSignal;
}

/** A range that was read, and the file that it is of. */
export interface ReadRange {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly version: RemoteVersion;
}

/** What has come of a range. */
interface Received {
  version: RemoteVersion | null;
  bytes: Uint8Array<ArrayBuffer> | null;
  have: number;
}

/**
 * Reads a range, asking again where the server is busy and going on where a connection broke. Whatever comes is of one
 * and the same version of the file.
 * @throws EpSamError `slide` when the first answer of a file is that it cannot be read; `network` when the server does not
 *   answer, or when what was read before is not there any more
 */
export function readRange(request: RangeRequest): Promise<ReadRange> {
  const received: Received = { version: request.version, bytes: null, have: 0 };
  const persistence = { ...request, isKnown: request.version !== null, progress: () => received.have };
  return persistently(persistence, (signal) => attempt({ ...request, signal }, received));
}

/** What is asked for until it comes. */
interface Persistence extends Pick<RangeRequest, "path" | "patience" | "signal"> {
  /** Whether the file was read before: what fails now is not the file's fault then. */
  readonly isKnown: boolean;
  /** Bytes that have come. */
  readonly progress: () => number;
}

/**
 * Tries again, with longer and longer pauses, what may work later.
 * @param work gives null when a connection ended before all had come
 * @throws EpSamError as {@link readRange}
 */
export async function persistently<Result>(
  persistence: Persistence,
  work: (signal: AbortSignal) => Promise<Result | null>,
): Promise<Result> {
  const { path, patience, signal, progress } = persistence;
  const deadline = AbortSignal.timeout(patience.total);
  for (let fruitless = 0; ; ) {
    const before = progress();
    let failure: unknown = new Error("the connection was closed before the end");
    try {
      const result = await work(AbortSignal.any([signal, deadline]));
      if (result !== null) return result;
    } catch (cause) {
      signal.throwIfAborted();
      if (isEpSamError(cause)) throw cause;
      if (cause instanceof FinalAnswer) throw refused(persistence, cause);
      const seconds = Math.round(patience.total / 1000);
      failure = deadline.aborted ? new Error(`it did not come within ${seconds} seconds`) : cause;
    }
    fruitless = progress() - before >= PROGRESS_BYTES ? 0 : fruitless + 1;
    const wait = waitBefore(fruitless, failure, patience);
    const isOver = fruitless >= patience.attempts || deadline.aborted;
    if (isOver || isUnreachable(failure)) throw lost(path, failure);
    await pause(wait, signal);
  }
}

/** Twice as long each time, and never the same for two who were turned away together. */
function waitBefore(fruitless: number, failure: unknown, patience: RemotePatience): number {
  const usual = patience.pause * 2 ** Math.max(0, fruitless - 1) * (0.5 + Math.random());
  const asked = failure instanceof PassingAnswer ? failure.wait : 0;
  return Math.min(LONGEST_WAIT, Math.max(usual, asked));
}

/** One request for what is missing. @returns null when the connection ended before all had come */
async function attempt(request: RangeRequest, received: Received): Promise<ReadRange | null> {
  const { source, first, length, patience, signal } = request;
  const start = first + received.have;
  const known = received.version;
  const last = Math.min(first + length, known?.size ?? Number.POSITIVE_INFINITY) - 1;
  const watch = new SilenceWatch(patience.silence, signal);
  try {
    const answer = await source.get(start, last, known, watch.signal);
    watch.heard();
    try {
      const { version, end } = acceptAnswer(answer, { first: start, last, version: known });
      received.version = version;
      received.bytes ??= new Uint8Array(Math.min(length, version.size - first));
      for await (const chunk of answer.body) {
        watch.heard();
        if (first + received.have + chunk.length > end) {
          throw new FinalAnswer("sends more than was asked for", `more than the bytes up to ${end}`);
        }
        received.bytes.set(chunk, received.have);
        received.have += chunk.length;
      }
      const { bytes, have } = received;
      return have === bytes.length ? { bytes, version } : null;
    } finally {
      await answer.discard();
    }
  } finally {
    watch.stop();
  }
}

/** Before anything was read it is the slide's fault; afterwards nobody knows what became of it. */
function refused({ path, isKnown }: Persistence, { what, message, action }: FinalAnswer): EpSamError {
  if (!isKnown) {
    const usual = path.startsWith("s3:")
      ? "Check the address; one of many slides ends with a slash."
      : "Check the address.";
    return slideError(path, what, message, action ?? usual);
  }
  return new EpSamError("network", {
    where: path,
    what,
    why: message,
    action: action ?? "Start again; what is finished is kept.",
  });
}

function lost(path: string, failure: unknown): EpSamError {
  return new EpSamError(
    "network",
    {
      where: path,
      what: "cannot be read from its server",
      why: describeFetchFailure(failure),
      action: "Check the connection and the address, and start again; what is finished is kept.",
    },
    { cause: failure },
  );
}
