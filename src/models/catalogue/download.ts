import { open, rm, stat } from "node:fs/promises";
import {
  describeFetchFailure,
  EpSamError,
  isUnreachable,
  pause,
  SilenceWatch,
  storageError,
  type WebResponse,
  webFetch,
} from "../../common/index.js";

/** How patient a download is; the defaults suit a slow line. */
export interface DownloadPatience {
  /** Connections in a row that bring nothing new before we give up; each goes on where the last one broke off. */
  readonly attempts: number;
  /** Pause before the next attempt in milliseconds; doubled each time that nothing came. */
  readonly pause: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly silence: number;
}

export const defaultPatience: DownloadPatience = { attempts: 6, pause: 1000, silence: 60_000 };

export interface DownloadRequest {
  readonly url: string;
  /** File that grows; an earlier call's part is continued. */
  readonly part: string;
  /** Bytes the whole file has. */
  readonly bytes: number;
  readonly patience: DownloadPatience;
  /** Called with the bytes there so far. */
  onProgress(done: number): void;
  /** Called when the line broke and another attempt follows. */
  onTrouble(message: string): void;
  readonly signal?: AbortSignal | undefined;
}

/** A server's answer that another attempt would not change. */
class FinalAnswer extends Error {}

/**
 * Downloads a file, going on where an earlier call or a broken connection left off.
 * @throws EpSamError `weights` when the server refuses, the line stays broken, or the file is longer than it should
 *   be; `storage` when the disk is full
 */
export async function download(request: DownloadRequest): Promise<void> {
  const { patience, signal, url, part, bytes, onTrouble } = request;
  let failure = "";
  for (let fruitless = 0; fruitless < patience.attempts; ) {
    const before = await startOf(part, bytes);
    try {
      if (await fetchRest(request)) return;
      failure = "the connection was closed before the end";
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof EpSamError) throw cause;
      failure = describeFetchFailure(cause);
      if (cause instanceof FinalAnswer || isUnreachable(cause)) break;
    }
    fruitless = (await startOf(part, bytes)) > before ? 1 : fruitless + 1;
    if (fruitless === patience.attempts) break;
    const wait = patience.pause * 2 ** (fruitless - 1);
    onTrouble(`${failure}; trying again in ${Math.ceil(wait / 1000)} s`);
    await pause(wait, signal);
  }
  throw new EpSamError("weights", { what: "cannot be downloaded", where: url, why: failure });
}

/** @returns true when the file is whole */
async function fetchRest(request: DownloadRequest): Promise<boolean> {
  const { url, part, bytes, patience, signal } = request;
  const have = await startOf(part, bytes);
  if (have === bytes) return true;
  const watch = new SilenceWatch(patience.silence, signal);
  try {
    const headers = { "Accept-Encoding": "identity", ...(have > 0 ? { Range: `bytes=${have}-` } : {}) };
    const response = await webFetch(url, { headers, signal: watch.signal });
    watch.heard();
    const from = await acceptAnswer(response, part, have);
    if (response.body === null) throw new FinalAnswer("the server sent no content");
    return (await receive(response.body, from, request, watch)) === bytes;
  } finally {
    watch.stop();
  }
}

/** Bytes of the part that can be kept; a part longer than the file is none of it. */
async function startOf(part: string, bytes: number): Promise<number> {
  const size = await stat(part).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size <= bytes) return size;
  await rm(part);
  return 0;
}

/** @returns the position that the answer's content begins at */
async function acceptAnswer(response: WebResponse, part: string, have: number): Promise<number> {
  const { status, headers } = response;
  if (status === 206 && headers.get("content-range")?.startsWith(`bytes ${have}-`)) return have;
  if (status === 206 || status === 416) {
    await rm(part, { force: true });
    throw new Error("the server gave another range than was asked for");
  }
  // 200 to a request for a range: this server sends the whole file, so we begin again.
  if (status === 200 && !headers.get("content-type")?.startsWith("text/html")) return 0;
  const answer = status === 200 ? "answered with a web page" : `answered ${status} ${response.statusText}`;
  const isPassing = status >= 500 || status === 429 || status === 408;
  throw isPassing ? new Error(`the server ${answer}`) : new FinalAnswer(`the server ${answer}`);
}

/** Writes the content behind what is there. @returns the length of the part */
async function receive(
  body: AsyncIterable<Uint8Array>,
  from: number,
  { part, bytes, onProgress }: DownloadRequest,
  watch: SilenceWatch,
): Promise<number> {
  const file = await openPart(part, from);
  let position = from;
  try {
    for await (const chunk of body) {
      watch.heard();
      if (position + chunk.length > bytes) {
        throw new FinalAnswer(`the server sends more than the ${bytes} bytes that the file has`);
      }
      await file.write(chunk, 0, chunk.length, position).catch((cause: unknown) => {
        throw storageError(part, cause);
      });
      position += chunk.length;
      onProgress(position);
    }
    await file.sync();
    return position;
  } finally {
    await file.close();
  }
}

async function openPart(part: string, from: number) {
  try {
    const file = await open(part, from > 0 ? "r+" : "w");
    await file.truncate(from).catch(async (cause: unknown) => {
      await file.close();
      throw cause;
    });
    return file;
  } catch (cause) {
    throw storageError(part, cause);
  }
}
