import { useState } from "preact/hooks";
import { type DatasetEntry, type PatchEntry, type PatchSort, patchPageSchema } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { Button, Choice, ProblemNote, Resource, RunChoice, useResource } from "../interface/index.js";
import { formatRoute, type GalleryQuery, jobsRoute } from "../routing/hash-link.js";
import { navigate } from "../routing/location.js";
import { PageHead } from "../shell/page-head.js";
import { workspace, workspaceRevision } from "../state/workspace.js";
import { withSeparators } from "../viewer/index.js";
import { Comparing } from "./comparing.js";
import { PatchCard } from "./patch-card.js";
import { PatchDialog } from "./patch-dialog.js";

/** Patches on one page of the gallery. */
const PAGE_SIZE = 60;

const SPLITS = [
  ["", "all"],
  ["train", "training"],
  ["val", "validation"],
  ["test", "test"],
] as const;

const LABELS = [
  ["", "all"],
  ["1", "tumour"],
  ["0", "normal"],
] as const;

/** The first needs no run. */
const SORTS: readonly (readonly [PatchSort, string])[] = [
  ["manifest", "As in the dataset"],
  ["ids-score", "Lowest IDS score first"],
  ["disagreement", "Largest disagreement first"],
  ["uncertainty", "Most uncertain first"],
];

interface DatasetPageProps {
  readonly dataset: string;
  readonly query: GalleryQuery;
}

/** A dataset's patches side by side. */
export function DatasetPage({ dataset, query }: DatasetPageProps) {
  const all = workspace.value.state === "ready" ? workspace.value.value : null;
  const entry = all?.datasets.find(({ id }) => id === dataset);
  const runs = all?.runs.filter((run) => run.dataset === dataset && run.problem === null) ?? [];
  const change = (changed: Partial<GalleryQuery>) =>
    navigate({ page: "dataset", dataset, query: { ...query, offset: 0, ...changed } });
  return (
    <section class="scrolling-page">
      <PageHead
        title={entry?.name ?? "Dataset"}
        {...(entry === undefined ? {} : { subtitle: `patches of ${entry.patchSize} px` })}
      >
        <a class="button" href={formatRoute(jobsRoute("train", { dataset }))}>
          Train …
        </a>
      </PageHead>
      {entry === undefined || entry.problem === null ? null : <ProblemNote problem={entry.problem} />}
      {entry === undefined ? null : <Counts dataset={entry} />}
      <form class="filters" aria-label="Which patches" onSubmit={(event) => event.preventDefault()}>
        <Choice
          title="Split"
          value={query.split ?? ""}
          choices={SPLITS}
          onChoose={(value) => change({ split: value === "" ? null : value })}
        />
        <Choice
          title="Label"
          value={query.label === null ? "" : query.label === 1 ? "1" : "0"}
          choices={LABELS}
          onChoose={(value) => change({ label: value === "" ? null : value === "1" ? 1 : 0 })}
        />
        <RunChoice
          title="Masks of"
          none="no run"
          runs={runs}
          run={query.run}
          onChoose={(run) => change(run === null ? WITHOUT_RUN : { run })}
        />
        {query.run === null ? null : (
          <>
            <Choice
              title="IDS score"
              value={`${query.idsBelow ?? ""}`}
              choices={IDS_LIMITS}
              onChoose={(value) => change({ idsBelow: value === "" ? null : Number(value) })}
            />
            <Choice
              title="Disagreement of stages"
              value={`${query.disagreementAbove ?? ""}`}
              choices={DISAGREEMENT_LIMITS}
              onChoose={(value) => change({ disagreementAbove: value === "" ? null : Number(value) })}
            />
          </>
        )}
        <Choice
          title="Order"
          value={query.sort}
          choices={query.run === null ? SORTS.slice(0, 1) : SORTS}
          onChoose={(sort) => change({ sort })}
        />
      </form>
      <Patches dataset={dataset} query={query} onOffset={(offset) => change({ offset })} />
    </section>
  );
}

/** Orders and limits by scores need a run. */
const WITHOUT_RUN: Partial<GalleryQuery> = {
  run: null,
  idsBelow: null,
  disagreementAbove: null,
  sort: "manifest",
};

/** Choices of a limit, with the words for each. */
function limits(words: string, values: readonly number[]): readonly (readonly [string, string])[] {
  return [["", "any"], ...values.map((value) => [`${value}`, `${words} ${value}`] as const)];
}

const IDS_LIMITS = limits("below", [0.5, 0.7, 0.9, 0.95, 0.99]);
const DISAGREEMENT_LIMITS = limits("above", [0.05, 0.1, 0.2, 0.3, 0.5]);

function Counts({ dataset: { counts } }: { readonly dataset: DatasetEntry }) {
  const titles = { train: "Training", val: "Validation", test: "Test" } as const;
  return (
    <dl class="tiles">
      {(["train", "val", "test"] as const).map((split) => (
        <div key={split}>
          <dt>{titles[split]}</dt>
          <dd>
            {withSeparators(counts[split].positive)} <small>tumour</small> ·{" "}
            {withSeparators(counts[split].negative)} <small>normal</small>
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface PatchesProps extends DatasetPageProps {
  onOffset(offset: number): void;
}

function Patches({ dataset, query, onOffset }: PatchesProps) {
  const [open, setOpen] = useState<PatchEntry | null>(null);
  const [loaded, again] = useResource(
    patchPageSchema,
    paths.patches(dataset, patchQuery(query)),
    workspaceRevision.value,
  );
  return (
    <>
      <Resource loaded={loaded} again={again} what="the patches">
        {({ total, offset, patches, comparing }) => (
          <>
            <Comparing progress={comparing} again={again} />
            <Pager label="Pages of patches" total={total} offset={offset} onOffset={onOffset} />
            {patches.length === 0 ? <p class="empty">No patch is like that.</p> : null}
            <ul class="gallery">
              {patches.map((patch) => (
                <li key={patch.patch}>
                  <PatchCard dataset={dataset} patch={patch} run={query.run} onOpen={() => setOpen(patch)} />
                </li>
              ))}
            </ul>
            {total > PAGE_SIZE ? (
              <Pager label="Pages of patches, again" total={total} offset={offset} onOffset={onOffset} />
            ) : null}
          </>
        )}
      </Resource>
      {open === null ? null : (
        <PatchDialog dataset={dataset} patch={open} run={query.run} onClose={() => setOpen(null)} />
      )}
    </>
  );
}

function patchQuery({ split, label, run, idsBelow, disagreementAbove, sort, offset }: GalleryQuery): string {
  const values = new URLSearchParams({ sort, offset: `${offset}`, limit: `${PAGE_SIZE}` });
  if (split !== null) values.set("split", split);
  if (label !== null) values.set("label", `${label}`);
  if (run !== null) values.set("run", run);
  if (idsBelow !== null) values.set("idsBelow", `${idsBelow}`);
  if (disagreementAbove !== null) values.set("disagreementAbove", `${disagreementAbove}`);
  return values.toString();
}

interface PagerProps {
  /** Tells those above and below the patches apart. */
  readonly label: string;
  readonly total: number;
  readonly offset: number;
  onOffset(offset: number): void;
}

function Pager({ label, total, offset, onOffset }: PagerProps) {
  const last = Math.min(offset + PAGE_SIZE, total);
  return (
    <nav class="pager" aria-label={label}>
      <span>
        {total === 0 ? "0" : `${withSeparators(offset + 1)}–${withSeparators(last)}`} of{" "}
        {withSeparators(total)}
      </span>
      <Button disabled={offset === 0} onClick={() => onOffset(Math.max(0, offset - PAGE_SIZE))}>
        Earlier
      </Button>
      <Button disabled={last >= total} onClick={() => onOffset(offset + PAGE_SIZE)}>
        Later
      </Button>
    </nav>
  );
}
