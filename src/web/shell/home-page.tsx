import type { SlideEntry, Workspace } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { AddButtons } from "../getting-in/index.js";
import { Resource } from "../interface/index.js";
import { formatRoute, slideRoute } from "../routing/hash-link.js";
import { loadWorkspace, workspace } from "../state/workspace.js";
import { PageHead } from "./page-head.js";
import { SlideTexts } from "./slide-texts.js";

/** Where the page begins: all slides side by side. */
export function HomePage() {
  return (
    <section class="scrolling-page">
      <PageHead title="Slides" />
      <Resource loaded={workspace.value} again={() => void loadWorkspace()} what="the workspace">
        {(value) => <SlideCards workspace={value} />}
      </Resource>
    </section>
  );
}

function SlideCards({ workspace: { slides } }: { readonly workspace: Workspace }) {
  const ready = slides.filter(({ status }) => status.state === "ready");
  if (ready.length === 0) {
    return (
      <div class="empty">
        <p>{slides.length === 0 ? "No slides here." : "None of the slides can be opened."}</p>
        <AddButtons />
        <p class="hint">
          Drop files or folders anywhere on this page. Or start with <code>epsam view SLIDES</code>: slide
          files, folders of them, datasets and runs.
        </p>
      </div>
    );
  }
  return (
    <ul class="slide-cards">
      {ready.map((slide) => (
        <li key={slide.id}>
          <SlideCard slide={slide} />
        </li>
      ))}
    </ul>
  );
}

function SlideCard({ slide }: { readonly slide: SlideEntry }) {
  return (
    <a class="slide-card" href={formatRoute(slideRoute(slide.id))}>
      <img src={paths.thumbnail(slide.id)} alt="" loading="lazy" decoding="async" />
      <SlideTexts slide={slide} />
    </a>
  );
}
