import { effect, signal } from "@preact/signals";
import type { JobEntry, JobState } from "../../contract/index.js";
import { showMessage } from "../interface/index.js";
import { jobNotices } from "../interface/preferences.js";
import { jobsRoute } from "../routing/hash-link.js";
import { navigate, route } from "../routing/location.js";
import { jobs } from "../state/workspace.js";

/** How a job ended, for people. */
const ENDS: Readonly<Partial<Record<JobState, string>>> = {
  done: "done",
  failed: "failed",
  interrupted: "cut off",
};

/** Jobs that ended while nobody looked at the page of jobs: its title counts them. */
export const unseenEnds = signal<readonly string[]>([]);

/** What the browser may do to tell of a job's end; `none` where it offers nothing, as on pages without encryption. */
export function noticePermission(): NotificationPermission | "none" {
  return typeof Notification === "undefined" || !isSecureContext ? "none" : Notification.permission;
}

/** Tells of every job that ends from now on: on the page, in its title and, where that is wanted, by the browser. */
export function tellEndsOfJobs(): void {
  let before: ReadonlyMap<string, JobState> | null = null;
  effect(() => {
    if (jobs.value.state !== "ready") return;
    const now = jobs.value.value;
    for (const job of now) {
      const earlier = before?.get(job.id);
      const isNews = earlier === "running" || earlier === "queued";
      if (isNews && earlier !== job.state) tell(job);
    }
    before = new Map(now.map(({ id, state }) => [id, state]));
  });
  const look = () => {
    if (!document.hidden && document.hasFocus() && route.peek().page === "jobs") unseenEnds.value = [];
  };
  effect(() => {
    if (route.value.page === "jobs") look();
  });
  for (const event of ["focus", "visibilitychange"] as const)
    addEventListener(event, look, { capture: true });
}

function tell({ id, title, state }: JobEntry): void {
  const end = ENDS[state];
  if (end === undefined) return;
  const text = `${title}: ${end}.`;
  showMessage(text);
  const isSeen = !document.hidden && document.hasFocus() && route.peek().page === "jobs";
  if (!isSeen) unseenEnds.value = [...unseenEnds.peek().filter((one) => one !== id), id];
  if (jobNotices.peek() === "off" || noticePermission() !== "granted" || document.hasFocus()) return;
  // Of several tabs that tell the same, the browser shows one.
  const notice = showNotice(text, `ep-sam-${id}`);
  if (notice === null) return;
  notice.onclick = () => {
    focus();
    navigate(jobsRoute());
    notice.close();
  };
}

/** Has the browser tell something; null where it shows none of pages, as on Android, whatever it permits. */
export function showNotice(text: string, tag: string): Notification | null {
  try {
    return new Notification(text, { tag, icon: "icon.svg" });
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    showMessage("This browser shows no notifications of pages: the title of the page tells when a job ends.");
    return null;
  }
}
