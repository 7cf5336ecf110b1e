import { signal } from "@preact/signals";
import {
  offeredSchema,
  type Problem,
  receivingLimits,
  type TakenIn,
  takenSchema,
} from "../../contract/index.js";
import { isAbort, paths, problemOf, request, requestJson } from "../api/index.js";
import { announce } from "../interface/index.js";
import { loadWorkspace } from "../state/workspace.js";
import type { ChosenFile } from "./dropped-files.js";

/** How far a drop has come. */
type SendingProgress =
  | { readonly state: "sending"; readonly sent: number; readonly bytes: number; readonly file: string }
  | { readonly state: "checking" }
  | { readonly state: "done"; readonly taken: TakenIn }
  | { readonly state: "failed"; readonly problem: Problem };

/** Where a drop stands. */
export type Sending = { readonly key: number; readonly title: string } & SendingProgress;

/** Drops of this page, the newest last. */
export const sendings = signal<readonly Sending[]>([]);
const controllers = new Map<number, AbortController>();
let nextKey = 0;

/** Ends a drop that is under way, or takes what became of one from the page. */
export function endSending(key: number): void {
  controllers.get(key)?.abort();
  sendings.value = sendings.value.filter((one) => one.key !== key);
}

/** Sends files to the server, in pieces, and tells what became of them. */
export async function sendFiles(files: readonly ChosenFile[]): Promise<void> {
  if (files.length === 0) return;
  const [first] = files;
  const title = files.length === 1 ? (first?.path ?? "") : `${files.length} files`;
  await follow(title, { state: "sending", sent: 0, bytes: 1, file: title }, (signal, show) =>
    send(files, signal, show),
  );
}

/** Has the server add what lies there under a path, and tells what became of it. */
export async function addByPath(path: string): Promise<void> {
  await follow(path, { state: "checking" }, (signal) =>
    requestJson(takenSchema, paths.registered, { method: "POST", body: { path }, signal }),
  );
}

/** Shows how something comes in, and what became of it. */
async function follow(
  title: string,
  first: SendingProgress,
  work: (signal: AbortSignal, show: (changed: SendingProgress) => void) => Promise<TakenIn>,
): Promise<void> {
  nextKey += 1;
  const key = nextKey;
  const controller = new AbortController();
  controllers.set(key, controller);
  const show = (changed: SendingProgress) => {
    if (controller.signal.aborted) return;
    const next: Sending = { key, title, ...changed };
    const known = sendings.value.some((one) => one.key === key);
    sendings.value = known
      ? sendings.value.map((one) => (one.key === key ? next : one))
      : [...sendings.value, next];
  };
  try {
    show(first);
    const taken = await work(controller.signal, show);
    show({ state: "done", taken });
    announce([`${takenText(taken)}.`, ...taken.notes].join(" "));
    await loadWorkspace();
  } catch (thrown) {
    if (!isAbort(thrown)) {
      const problem = problemOf(thrown);
      show({ state: "failed", problem });
      announce(`${title}: ${problem.what}`);
    }
  } finally {
    controllers.delete(key);
  }
}

async function send(
  files: readonly ChosenFile[],
  signal: AbortSignal,
  show: (changed: SendingProgress) => void,
): Promise<TakenIn> {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const offer = { files: files.map(({ path, file }) => ({ path, bytes: file.size })) };
  const { id } = await requestJson(offeredSchema, paths.received, { method: "POST", body: offer, signal });
  try {
    let sent = 0;
    for (const [index, { path, file }] of files.entries()) {
      let offset = 0;
      do {
        const piece = file.slice(offset, offset + receivingLimits.pieceBytes);
        await request(paths.piece(id, index, offset), { method: "PUT", file: piece, signal });
        offset += piece.size;
        sent += piece.size;
        show({ state: "sending", sent, bytes, file: path });
      } while (offset < file.size);
    }
    show({ state: "checking" });
    return await requestJson(takenSchema, `${paths.receiving(id)}/done`, {
      method: "POST",
      body: {},
      signal,
    });
  } catch (thrown) {
    // What has arrived is of no use; where even this fails, the server forgets it in a day.
    await request(paths.receiving(id), { method: "DELETE" }).catch(() => undefined);
    throw thrown;
  }
}

/** What became of a drop, in one sentence. */
export function takenText({ slides, others, refused }: TakenIn): string {
  const count = (number: number, one: string, many: string) =>
    number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
  const added = [...count(slides.length, "slide", "slides"), ...others].join(", ");
  const left = count(refused.length, "file was", "files were").map((text) => `${text} refused`);
  return [added === "" ? "Nothing was taken" : `Added: ${added}`, ...left].join("; ");
}
