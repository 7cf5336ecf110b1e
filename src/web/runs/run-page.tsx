import { useState } from "preact/hooks";
import {
  type PatchEntry,
  type RunEntry,
  runComparisonSchema,
  stageTitle,
  uncertainPageSchema,
} from "../../contract/index.js";
import { paths } from "../api/index.js";
import { Comparing } from "../gallery/comparing.js";
import { PatchCard } from "../gallery/patch-card.js";
import { PatchDialog } from "../gallery/patch-dialog.js";
import { ProblemNote, Resource, type Tab, Tabs, useResource } from "../interface/index.js";
import { formatRoute, jobsRoute, type RunTab, wholeGallery } from "../routing/hash-link.js";
import { navigate } from "../routing/location.js";
import { PageHead } from "../shell/page-head.js";
import { workspace, workspaceRevision } from "../state/workspace.js";
import { Comparison } from "./comparison.js";

/** The most uncertain patches that are offered. */
const UNCERTAIN_LIMIT = 48;

/** A run: its report, what a re-training changed, and what a correction would teach it most. */
export function RunPage({ run, tab }: { readonly run: string; readonly tab: RunTab }) {
  const entry =
    workspace.value.state === "ready" ? workspace.value.value.runs.find(({ id }) => id === run) : undefined;
  const [comparison] = useResource(runComparisonSchema, paths.comparison(run), workspaceRevision.value);
  if (entry === undefined) return <UnknownRun />;
  const tabs: Tab<RunTab>[] = [{ name: "report", title: "Report", content: () => <Report run={entry} /> }];
  if (comparison.state === "ready" && comparison.value !== null) {
    const found = comparison.value;
    tabs.push({
      name: "comparison",
      title: "Before and after",
      content: () => <Comparison comparison={found} />,
    });
  }
  if (entry.dataset !== null) {
    const { dataset } = entry;
    tabs.push({
      name: "uncertain",
      title: "Most uncertain patches",
      content: () => <Uncertain run={run} dataset={dataset} />,
    });
  }
  return (
    <section class="run-page">
      <PageHead title={entry.name} subtitle={stagesText(entry)}>
        {entry.taught?.isWhole === true ? null : (
          <a class="button" href={formatRoute(jobsRoute("retrain", { run }))}>
            Re-train …
          </a>
        )}
        <a class="button main" href={formatRoute(jobsRoute("infer", { run }))}>
          Segment slides …
        </a>
      </PageHead>
      {entry.problem === null ? null : <ProblemNote problem={entry.problem} />}
      <Tabs<RunTab>
        label="About the run"
        tabs={tabs}
        chosen={tab}
        onChoose={(chosen) => navigate({ page: "run", run, tab: chosen })}
      />
    </section>
  );
}

function UnknownRun() {
  const loading = workspace.value.state === "loading";
  return (
    <section class="scrolling-page">
      <PageHead title="Run" />
      <p class="empty">{loading ? "Loading …" : "This run is not in the workspace."}</p>
    </section>
  );
}

function stagesText({ finished, stages, taught }: RunEntry): string {
  if (taught?.isWhole === true) return squaresText(taught);
  const decoders = stages.length === 0 ? "no decoder yet" : `decoders: ${stages.map(stageTitle).join(", ")}`;
  return finished ? decoders : `not finished · ${decoders}`;
}

function squaresText({ slide, tumour, other }: NonNullable<RunEntry["taught"]>): string {
  return `taught with ${tumour} squares of tumour and ${other} of other tissue of ${slide}`;
}

/** The report is a document of its own; without scripts, and apart from this page. */
function Report({ run }: { readonly run: RunEntry }) {
  if (run.taught?.isWhole === true) {
    return (
      <div class="panel">
        <p>
          This run is a head on a frozen backbone, {squaresText(run.taught)}. There are no figures of it:
          nothing was held out to measure it with.
        </p>
        <p>
          More squares make it better: choose it under <em>Teach</em> when you teach with squares. The squares
          are in its file <code>labelled-squares.csv</code>, for <code>epsam teach</code>, and for{" "}
          <code>epsam prepare --labelled-squares</code>, of whose dataset <code>epsam train --from-run</code>{" "}
          learns, beginning with this head.
        </p>
      </div>
    );
  }
  if (!run.hasReport)
    return <p class="empty">There is no report yet; it is written when the run is finished.</p>;
  return <iframe class="report" title={`Report of ${run.name}`} src={paths.report(run.id)} sandbox="" />;
}

function Uncertain({ run, dataset }: { readonly run: string; readonly dataset: string }) {
  const [open, setOpen] = useState<PatchEntry | null>(null);
  const [loaded, again] = useResource(uncertainPageSchema, paths.uncertain(run, UNCERTAIN_LIMIT));
  return (
    <div class="panel">
      <p class="hint">
        Where the stages disagree with the activation map or with each other: a correction there teaches most.{" "}
        <a
          href={formatRoute({
            page: "dataset",
            dataset,
            query: { ...wholeGallery, split: "train", run, sort: "uncertainty" },
          })}
        >
          All in the gallery
        </a>
      </p>
      <Resource loaded={loaded} again={again} what="the patches">
        {({ patches, comparing }) => (
          <>
            <Comparing progress={comparing} again={again} />
            {patches.length === 0 && comparing === null ? (
              <p class="empty">No patch of this run has scores.</p>
            ) : null}
            <ul class="gallery">
              {patches.map((patch) => (
                <li key={patch.patch}>
                  <PatchCard dataset={dataset} patch={patch} run={run} onOpen={() => setOpen(patch)} />
                </li>
              ))}
            </ul>
          </>
        )}
      </Resource>
      {open === null ? null : (
        <PatchDialog dataset={dataset} patch={open} run={run} onClose={() => setOpen(null)} />
      )}
    </div>
  );
}
