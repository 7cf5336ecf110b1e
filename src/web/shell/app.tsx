import { useEffect, useState } from "preact/hooks";
import { connection } from "../api/index.js";
import { DatasetPage } from "../gallery/dataset-page.js";
import { GettingIn } from "../getting-in/index.js";
import { Icon, Notices, shortcutGroup, shortcuts } from "../interface/index.js";
import { JobsPage } from "../jobs/jobs-page.js";
import { jobsRoute, type Route, slideRoute } from "../routing/hash-link.js";
import { navigate, route } from "../routing/location.js";
import { RunPage } from "../runs/run-page.js";
import { SlidePage } from "../slide/slide-page.js";
import { closeSheet, isPanelSeen, narrow, togglePanel } from "../state/screen.js";
import { HelpSheet } from "./help-sheet.js";
import { HomePage } from "./home-page.js";
import { Sidebar } from "./sidebar.js";
import { listedSlides } from "./slide-list.js";

/** The whole page: the workspace on the left, what was chosen beside it. */
export function App() {
  const [helping, setHelping] = useState(false);
  useEffect(
    () =>
      shortcuts.register(
        ...shortcutGroup("Page", "page", [
          ["?", "This list", () => setHelping(true)],
          ["b", "Show or hide the workspace", () => togglePanel("sidebar")],
          ["j", "Jobs", () => navigate(jobsRoute())],
          [",", "Previous slide", () => stepSlide(-1)],
          [".", "Next slide", () => stepSlide(1)],
        ]),
      ),
    [],
  );
  const sidebarVisible = isPanelSeen("sidebar");
  const covered = narrow.value && sidebarVisible;
  useEffect(() => {
    if (!covered) return undefined;
    return shortcuts.register(
      ...shortcutGroup("Page", "page", [["Escape", "Close the workspace", closeSheet]]),
    );
  }, [covered]);
  const place = placeOf(route.value);
  // Whatever lay over a page goes when another page comes.
  useEffect(closeSheet, [place]);
  return (
    <div class={sidebarVisible ? "page with-sidebar" : "page"}>
      <button type="button" class="skip-link" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      {sidebarVisible ? <Sidebar onHelp={() => setHelping(true)} /> : null}
      {covered ? <div class="backdrop" aria-hidden="true" onClick={closeSheet} /> : null}
      <main id="main" tabIndex={-1}>
        {connection.value === "lost" ? (
          <p class="connection" role="status">
            <Icon name="warning" /> The server does not answer. Trying again …
          </p>
        ) : null}
        <CurrentPage route={route.value} />
      </main>
      <Notices />
      <GettingIn />
      {helping ? <HelpSheet onClose={() => setHelping(false)} /> : null}
    </div>
  );
}

/** The page without what changes while one stays on it. */
function placeOf(at: Route): string {
  switch (at.page) {
    case "slide":
      return `slide ${at.slide}`;
    case "dataset":
      return `dataset ${at.dataset}`;
    case "run":
      return `run ${at.run}`;
    default:
      return at.page;
  }
}

function CurrentPage({ route: at }: { readonly route: Route }) {
  switch (at.page) {
    case "home":
      return <HomePage />;
    case "slide":
      return <SlidePage slide={at.slide} key={at.slide} />;
    case "dataset":
      return <DatasetPage dataset={at.dataset} query={at.query} key={at.dataset} />;
    case "run":
      return <RunPage run={at.run} tab={at.tab} key={at.run} />;
    case "jobs":
      return <JobsPage route={at} />;
  }
}

/** Opens the next slide of the list that can be opened, or an earlier one. */
function stepSlide(step: 1 | -1): void {
  const slides = listedSlides.value
    .flatMap((group) => group.slides)
    .filter(({ status }) => status.state === "ready");
  const at = route.value;
  const current = at.page === "slide" ? slides.findIndex(({ id }) => id === at.slide) : -1;
  const next = current === -1 ? slides.at(step === 1 ? 0 : -1) : slides[current + step];
  if (next !== undefined) navigate(slideRoute(next.id));
}
