import { FinalAnswer, PassingAnswer, type RangeAnswer, type RemoteVersion } from "./range-source.js";

/** The range that was asked for; `last` may lie beyond the file while its size is not known. */
export interface AskedRange {
  readonly first: number;
  readonly last: number;
  readonly version: RemoteVersion | null;
}

const CHANGED = "has changed on its server since it was first read";
const START_AGAIN = "Start again: what was read before and what is there now do not belong together.";
/** Status codes of servers that are busy or between two states (RFC 9110, 6585). */
const PASSING = new Set([408, 425, 429]);

/**
 * Checks that an answer is the range that was asked for, of the same file as before.
 * @returns the file's version, and where in the file the content ends
 * @throws FinalAnswer when it is not, PassingAnswer when the server may give it later
 */
export function acceptAnswer(
  answer: RangeAnswer,
  asked: AskedRange,
): { readonly version: RemoteVersion; readonly end: number } {
  const { status } = answer;
  if (status !== 206) throw otherStatus(answer, asked);
  const encoding = answer.header("content-encoding");
  if (encoding !== null && encoding !== "" && encoding.toLowerCase() !== "identity") {
    throw new FinalAnswer("is sent compressed", `content-encoding ${encoding}: parts of it cannot be read`);
  }
  const range = contentRange(answer.header("content-range"));
  const size = range?.size ?? asked.version?.size;
  if (range === null || size === undefined || range.first !== asked.first || range.last > asked.last) {
    throw new FinalAnswer(
      "cannot be read in parts",
      `the server gave ${answer.header("content-range") ?? "no content-range"} for bytes ${asked.first}-${asked.last}`,
      "Download it, or ask who runs the server.",
    );
  }
  const version = {
    size,
    etag: answer.header("etag"),
    modified: answer.header("last-modified"),
  };
  requireSame(asked.version, version);
  if (range.last >= size) {
    throw new FinalAnswer("cannot be read in parts", `byte ${range.last} of a file of ${size} was sent`);
  }
  return { version: asked.version ?? version, end: range.last + 1 };
}

/** @throws FinalAnswer when what the server tells differs from before */
export function requireSame(before: RemoteVersion | null, now: RemoteVersion): void {
  if (before === null) return;
  const differs =
    before.size !== now.size
      ? `${before.size} bytes before, ${now.size} now`
      : before.etag !== now.etag
        ? `ETag ${before.etag} before, ${now.etag} now`
        : before.modified !== now.modified
          ? `of ${before.modified} before, of ${now.modified} now`
          : null;
  if (differs !== null) throw new FinalAnswer(CHANGED, differs, START_AGAIN);
}

function otherStatus(answer: RangeAnswer, { version }: AskedRange): Error {
  const { status } = answer;
  const told = `the server answers ${status}`;
  if (status >= 500 || PASSING.has(status)) return new PassingAnswer(told, retryAfter(answer));
  if (status === 200) {
    return new FinalAnswer(
      "cannot be read in parts",
      "its server knows no ranges: it answers 200 and sends the whole file",
      "Download it, or put it on a server that gives ranges.",
    );
  }
  if (status === 412) return new FinalAnswer(CHANGED, told, START_AGAIN);
  if (status === 416) {
    const isEmpty = answer.header("content-range") === "bytes */0";
    if (version !== null) return new FinalAnswer(CHANGED, "it is shorter now", START_AGAIN);
    return new FinalAnswer(isEmpty ? "is an empty file" : "cannot be read in parts", told);
  }
  if (status === 404 || status === 410) return new FinalAnswer("does not exist on its server", told);
  if (status === 401 || status === 403) {
    const action =
      "Check the address and that you may read it; signed addresses end at some time and must be made anew.";
    return new FinalAnswer("may not be read", told, action);
  }
  return new FinalAnswer("cannot be read from its server", told);
}

/** Milliseconds of `Retry-After`, which is in seconds or a date. */
function retryAfter(answer: RangeAnswer): number {
  const text = answer.header("retry-after");
  if (text === null) return 0;
  const milliseconds = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : 0;
}

/** First and last byte, and the file's size where it is told. */
function contentRange(
  text: string | null,
): { readonly first: number; readonly last: number; readonly size: number | undefined } | null {
  const [, first, last, size] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(text ?? "") ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first)) return null;
  return { first: Number(first), last: Number(last), size: size === "*" ? undefined : Number(size) };
}
