import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { visibleText } from "../../common/portable.js";
import { ToolButton } from "../interface/index.js";
import { unseenEnds } from "../jobs/job-ends.js";
import { togglePanel } from "../state/screen.js";

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
      <ToolButton icon="menu" title="Workspace" shortcut="B" onClick={() => togglePanel("sidebar")} />
      <div class="page-title">
        <h1 title={title}>{title}</h1>
        {subtitle === undefined ? null : <p>{subtitle}</p>}
      </div>
      <div class="page-actions">{children}</div>
    </header>
  );
}
