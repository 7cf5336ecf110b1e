import { type ComponentChildren, Fragment } from "preact";
import type { DatasetEntry, RunEntry, SlideEntry, Workspace } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { AddButtons } from "../getting-in/index.js";
import { Icon, type IconName, LongList, Resource, ToolButton } from "../interface/index.js";
import { theme } from "../interface/preferences.js";
import { formatRoute, jobsRoute, type Route, slideRoute, wholeGallery } from "../routing/hash-link.js";
import { route } from "../routing/location.js";
import { closeSheet, narrow } from "../state/screen.js";
import { jobs, loadWorkspace, workspace } from "../state/workspace.js";
import { withSeparators } from "../viewer/index.js";
import { SlideFilter } from "./slide-filter.js";
import { listedSlides } from "./slide-list.js";
import { SlideTexts } from "./slide-texts.js";

/** From this many slides on the list can be filtered. */
const MANY_SLIDES = 8;

/** The workspace: slides, datasets, runs, jobs. */
export function Sidebar({ onHelp }: { readonly onHelp: () => void }) {
  return (
    <nav class="sidebar" aria-label="Workspace">
      <header class="brand">
        <a href="#/">
          <img src="icon.svg" alt="" width="24" height="24" />
          EP-SAM
        </a>
        <ThemeButton />
        <ToolButton icon="help" title="Keyboard shortcuts" shortcut="?" onClick={onHelp} />
        {narrow.value ? <ToolButton icon="close" title="Close the workspace" onClick={closeSheet} /> : null}
      </header>
      <JobsLink />
      <Resource loaded={workspace.value} again={() => void loadWorkspace()} what="the workspace">
        {(value) => <Sections workspace={value} />}
      </Resource>
    </nav>
  );
}

function Sections({
  workspace: { slides, datasets, runs, folders, version },
}: {
  readonly workspace: Workspace;
}) {
  const at = route.value;
  return (
    <div class="sidebar-sections">
      <Section title="Slides" count={slides.length}>
        <AddButtons folders={folders} />
        {slides.length > MANY_SLIDES ? <SlideFilter slides={slides} /> : null}
        {listedSlides.value.map(({ title, slides: members }) => (
          <Fragment key={title}>
            {title === "" ? null : (
              <h3 class="slide-group">
                {title} <span class="count">{members.length}</span>
              </h3>
            )}
            <LongList class="slide-list" items={members} current={at.page === "slide" ? at.slide : null}>
              {(slide) => <SlideItem slide={slide} />}
            </LongList>
          </Fragment>
        ))}
      </Section>
      <Section title="Datasets" count={datasets.length}>
        <ul class="plain-list">
          {datasets.map((dataset) => (
            <li key={dataset.id}>
              <DatasetItem dataset={dataset} />
            </li>
          ))}
        </ul>
      </Section>
      <Section title="Runs" count={runs.length}>
        <ul class="plain-list">
          {runs.map((run) => (
            <li key={run.id}>
              <RunItem run={run} />
            </li>
          ))}
        </ul>
      </Section>
      <p class="version">
        ep-sam {version} · <a href="licenses.txt">licences</a>
      </p>
    </div>
  );
}

interface SectionProps {
  readonly title: string;
  readonly count: number;
  readonly children: ComponentChildren;
}

function Section({ title, count, children }: SectionProps) {
  return (
    <details open class="sidebar-section">
      <summary>
        <Icon name="chevron" />
        <h2>{title}</h2>
        <span class="count">{count}</span>
      </summary>
      {children}
    </details>
  );
}

function SlideItem({ slide }: { readonly slide: SlideEntry }) {
  const { status } = slide;
  const at = route.value;
  const current = at.page === "slide" && at.slide === slide.id;
  if (status.state === "broken") {
    const { what, why } = status.problem;
    // Its page says all of it.
    return (
      <ItemLink to={slideRoute(slide.id)} current={current} class="slide-item broken">
        <span class="thumbnail">
          <Icon name="warning" />
        </span>
        <span class="item-text">
          <span class="item-name">{slide.name}</span>
          <span class="item-note">
            Cannot be opened: {[what, why].filter((text) => text !== null).join("; ")}
          </span>
        </span>
      </ItemLink>
    );
  }
  return (
    <ItemLink to={slideRoute(slide.id)} current={current} class="slide-item">
      <img class="thumbnail" loading="lazy" decoding="async" src={paths.thumbnail(slide.id)} alt="" />
      <span class="item-text">
        <SlideTexts slide={slide} />
      </span>
    </ItemLink>
  );
}

function DatasetItem({ dataset }: { readonly dataset: DatasetEntry }) {
  const at = route.value;
  const patches = Object.values(dataset.counts).reduce((sum, one) => sum + one.positive + one.negative, 0);
  return (
    <ItemLink
      to={{ page: "dataset", dataset: dataset.id, query: wholeGallery }}
      current={at.page === "dataset" && at.dataset === dataset.id}
      icon="dataset"
    >
      <span class="item-text">
        <span class="item-name">{dataset.name}</span>
        <span class="item-note">
          {dataset.problem === null
            ? `${withSeparators(patches)} patches of ${dataset.patchSize} px`
            : `Cannot be read: ${dataset.problem.what}`}
        </span>
      </span>
    </ItemLink>
  );
}

function RunItem({ run }: { readonly run: RunEntry }) {
  const at = route.value;
  const { taught } = run;
  const made = taught?.isWhole === true ? `taught with ${taught.tumour + taught.other} squares` : undefined;
  const note = run.finished ? (made ?? run.stages[0] ?? "no decoder") : "not finished";
  return (
    <ItemLink
      to={{ page: "run", run: run.id, tab: "report" }}
      current={at.page === "run" && at.run === run.id}
      icon="run"
    >
      <span class="item-text">
        <span class="item-name">{run.name}</span>
        <span class="item-note">{run.problem === null ? note : `Cannot be read: ${run.problem.what}`}</span>
      </span>
    </ItemLink>
  );
}

function JobsLink() {
  const all = jobs.value.state === "ready" ? jobs.value.value : [];
  const running = all.find(({ state }) => state === "running");
  const waiting = all.filter(({ state }) => state === "queued").length;
  const progress = running?.progress ?? null;
  return (
    <div class="jobs-link">
      <ItemLink to={jobsRoute()} current={route.value.page === "jobs"} icon="jobs">
        <span class="item-text">
          <span class="item-name">Jobs</span>
          <span class="item-note">
            {running === undefined ? "Nothing is running" : running.title}
            {waiting === 0 ? "" : ` · ${waiting} waiting`}
          </span>
        </span>
      </ItemLink>
      {progress === null || progress.total === 0 ? null : (
        <progress value={progress.done} max={progress.total} aria-label="Progress of the running job" />
      )}
    </div>
  );
}

interface ItemLinkProps {
  readonly to: Route;
  readonly current: boolean;
  readonly icon?: IconName;
  readonly class?: string;
  readonly children: ComponentChildren;
}

function ItemLink({ to, current, icon, children, ...rest }: ItemLinkProps) {
  return (
    <a
      class={`item ${rest.class ?? ""}`}
      href={formatRoute(to)}
      {...(current ? { "aria-current": "page" as const } : {})}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </a>
  );
}

const NEXT_THEME = { auto: "light", light: "dark", dark: "auto" } as const;
const THEME_TITLES = { auto: "as the system", light: "light", dark: "dark" } as const;

function ThemeButton() {
  return (
    <ToolButton
      icon={theme.value}
      title={`Colours: ${THEME_TITLES[theme.value]}`}
      onClick={() => {
        theme.value = NEXT_THEME[theme.value];
      }}
    />
  );
}
