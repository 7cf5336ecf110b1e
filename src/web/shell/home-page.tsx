import { Fragment } from "preact";
import type { SlideEntry, Workspace } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { AddButtons } from "../getting-in/index.js";
import { LongList, Resource } from "../interface/index.js";
import { formatRoute, slideRoute } from "../routing/hash-link.js";
import { loadWorkspace, workspace } from "../state/workspace.js";
import { PageHead } from "./page-head.js";
import { FilterNote } from "./slide-filter.js";
import { listedSlides } from "./slide-list.js";
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

function SlideCards({ workspace: { slides, folders } }: { readonly workspace: Workspace }) {
  const ready = slides.filter(({ status }) => status.state === "ready");
  if (ready.length === 0) {
    return (
      <div class="empty">
        <p>{slides.length === 0 ? "No slides here." : "None of the slides can be opened."}</p>
        <AddButtons folders={folders} />
        <p class="hint">
          Drop files or folders anywhere on this page. Or start with <code>epsam view SLIDES</code>: slide
          files, folders of them, datasets and runs.
        </p>
      </div>
    );
  }
  const groups = listedSlides.value.map(({ title, slides: members }) => ({
    title,
    slides: members.filter(({ status }) => status.state === "ready"),
  }));
  return (
    <div>
      <FilterNote of={slides.length} />
      {groups.map(({ title, slides: members }) => (
        <Fragment key={title}>
          {title === "" || members.length === 0 ? null : <h2 class="slide-group">{title}</h2>}
          <LongList class="slide-cards" items={members}>
            {(slide) => <SlideCard slide={slide} />}
          </LongList>
        </Fragment>
      ))}
    </div>
  );
}

function SlideCard({ slide }: { readonly slide: SlideEntry }) {
  return (
    <a class="slide-card" href={formatRoute(slideRoute(slide.id))}>
      <img loading="lazy" decoding="async" src={paths.thumbnail(slide.id)} alt="" />
      <SlideTexts slide={slide} />
    </a>
  );
}
