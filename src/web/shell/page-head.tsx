import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { visibleText } from "../../common/portable.js";
import { ToolButton } from "../interface/index.js";
import { sidebarShown } from "../interface/preferences.js";
import { unseenEnds } from "../jobs/job-ends.js";
import { narrow, sheet } from "../state/screen.js";

/** Shows or hides the list of slides, datasets and runs. */
export function toggleSidebar(): void {
  if (narrow.value) sheet.value = sheet.value === "sidebar" ? "none" : "sidebar";
  else sidebarShown.value = sidebarShown.value === "shown" ? "hidden" : "shown";
}

/** Closes what lies over the page on a narrow screen. */
export function closeSheet(): void {
  sheet.value = "none";
}

/** The head of a page: its name, and what can be done there. */
export function PageHead({
  title,
  subtitle,
  children,
}: {
  readonly title: string;
  readonly subtitle?: string;
  readonly children?: ComponentChildren;
}) {
  const ended = unseenEnds.value.length;
  useEffect(() => {
    const news = ended === 0 ? "" : `(${ended} ${ended === 1 ? "job has" : "jobs have"} ended) `;
    document.title = visibleText(`${news}${title} · EP-SAM`);
  }, [title, ended]);
  return (
    <header class="page-head">
      <ToolButton icon="menu" title="Workspace" shortcut="B" onClick={toggleSidebar} />
      <div class="page-title">
        <h1 title={title}>{title}</h1>
        {subtitle === undefined ? null : <p>{subtitle}</p>}
      </div>
      <div class="page-actions">{children}</div>
    </header>
  );
}
