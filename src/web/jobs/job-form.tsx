import { useState } from "preact/hooks";
import {
  type JobEntry,
  type JobKind,
  jobEntrySchema,
  type Problem,
  settingWords,
  stageTitle,
  type Workspace,
} from "../../contract/index.js";
import { paths, problemOf, requestJson } from "../api/index.js";
import { readStored, writeStored } from "../interface/browser-storage.js";
import { announce, Button, ProblemNote } from "../interface/index.js";
import { sizeText } from "../shell/slide-texts.js";
import { takeJob } from "../state/workspace.js";
import { CheckList, SelectField, TextField } from "./fields.js";
import {
  type DraftErrors,
  draftOf,
  emptyDraft,
  fieldsOf,
  type GivenIds,
  type JobDraft,
  type JobField,
  keptDraft,
  PLACEHOLDERS,
  readDraft,
  runChoices,
  slidesGone,
  slidesWithoutResolution,
} from "./job-draft.js";

interface JobFormProps {
  readonly kind: JobKind;
  readonly workspace: Workspace;
  readonly given: GivenIds;
  /** A job that is to be repeated with changes. */
  readonly repeated: JobEntry | null;
  onStarted(job: JobEntry): void;
}

export function JobForm({ kind, workspace, given, repeated, onStarted }: JobFormProps) {
  const key = `ep-sam.job.${[kind, given.run, given.dataset, given.slide, repeated?.id].join("/")}`;
  const [draft, setDraft] = useState<JobDraft>(
    () => keptDraft(readStored("sessionStorage", key)) ?? firstDraft(workspace, given, repeated),
  );
  const gone = repeated === null ? 0 : slidesGone(repeated.request, workspace);
  const [errors, setErrors] = useState<DraftErrors>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const [sending, setSending] = useState(false);
  const change = (changed: Partial<JobDraft>) => {
    const next = { ...draft, ...changed };
    setDraft(next);
    // A page that is loaded again has it still.
    writeStored("sessionStorage", key, JSON.stringify(next));
    const kept = Object.entries(errors).filter(([field]) => !(field in changed));
    setErrors(Object.fromEntries(kept));
  };
  const submit = async (form: HTMLFormElement) => {
    const read = readDraft(kind, draft, workspace);
    if ("errors" in read) {
      setErrors(read.errors);
      announce(`The form has ${Object.keys(read.errors).length} mistakes.`);
      requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return;
    }
    setSending(true);
    setProblem(null);
    try {
      const job = await requestJson(jobEntrySchema, paths.jobs, { method: "POST", body: read.request });
      writeStored("sessionStorage", key, null);
      takeJob(job);
      onStarted(job);
    } catch (cause) {
      setProblem(problemOf(cause));
    } finally {
      setSending(false);
    }
  };
  return (
    <form
      class="job-form"
      aria-label={JOB_TITLES[kind]}
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      <p class="hint">{JOB_HINTS[kind]}</p>
      {repeated === null ? null : <p class="hint">As in “{repeated.title}”; change what should differ.</p>}
      {gone === 0 ? null : (
        <p class="field-error">
          {gone === 1 ? "A slide of that job is" : `${gone} slides of that job are`} not here any more and
          left out.
        </p>
      )}
      {fieldsOf[kind].map((field) => (
        <DraftField key={field} {...{ field, kind, draft, workspace, change }} error={errors[field]} />
      ))}
      {problem === null ? null : <ProblemNote problem={problem} />}
      <p class="form-end">
        <Button kind="main" type="submit" disabled={sending}>
          Start
        </Button>
      </p>
    </form>
  );
}

function firstDraft(workspace: Workspace, given: GivenIds, repeated: JobEntry | null): JobDraft {
  return repeated === null ? emptyDraft(workspace, given) : draftOf(repeated.request, workspace);
}

export const JOB_TITLES: Readonly<Record<JobKind, string>> = {
  infer: "Segment slides",
  prepare: "Prepare a dataset",
  train: "Train",
  retrain: "Re-train with corrections",
};

const JOB_HINTS: Readonly<Record<JobKind, string>> = {
  infer: "A run looks for tumour on slides: masks, heat maps, areas. Takes minutes for each slide.",
  prepare: "Cuts labelled patches from slides and their annotations, split by patient.",
  train:
    "Trains classifier and decoder on a dataset. Takes hours; it goes on where it was when it is cut off.",
  retrain: "Another round for a run's decoder, with the masks that were corrected here.",
};

interface DraftFieldProps {
  readonly field: JobField;
  readonly kind: JobKind;
  readonly draft: JobDraft;
  readonly workspace: Workspace;
  readonly error: string | undefined;
  change(changed: Partial<JobDraft>): void;
}

function DraftField({ field, kind, draft, workspace, error, change }: DraftFieldProps) {
  switch (field) {
    case "name":
      return (
        <TextField
          title={kind === "prepare" ? "Name of the dataset" : "Name of the run"}
          value={draft.name}
          error={error}
          onInput={(name) => change({ name })}
        />
      );
    case "run":
      return (
        <SelectField
          title="Run"
          value={draft.run}
          choices={runChoices(kind, workspace)}
          error={error}
          onChoose={(run) => change({ run, stage: "" })}
        />
      );
    case "stage": {
      const stages = workspace.runs.find(({ id }) => id === draft.run)?.stages ?? [];
      return (
        <SelectField
          title={settingWords.stage.label}
          value={draft.stage}
          choices={[["", "the last one"], ...stages.map((stage) => [stage, stageTitle(stage)] as const)]}
          error={error}
          onChoose={(stage) => change({ stage })}
        />
      );
    }
    case "dataset":
      return (
        <SelectField
          title="Dataset"
          value={draft.dataset}
          choices={[["", "choose …"], ...workspace.datasets.map(({ id, name }) => [id, name] as const)]}
          error={error}
          onChoose={(dataset) => change({ dataset })}
        />
      );
    case "slides":
      return <SlidesField {...{ kind, draft, workspace, error, change }} />;
    case "mpp":
      return slidesWithoutResolution(draft.slides, workspace).length === 0 ? null : (
        <TextField
          title={settingWords.mpp.label}
          hint={settingWords.mpp.hint}
          numeric
          value={draft.mpp}
          error={error}
          onInput={(mpp) => change({ mpp })}
        />
      );
    default:
      return <OptionField {...{ field, draft, error, change }} />;
  }
}

function SlidesField({ kind, draft, workspace, error, change }: Omit<DraftFieldProps, "field">) {
  const items = workspace.slides
    .filter(
      ({ status, annotationCount }) =>
        status.state === "ready" && (kind !== "retrain" || annotationCount > 0),
    )
    .map((slide) => ({ id: slide.id, name: slide.name, note: sizeText(slide) }));
  if (items.length === 0) {
    return (
      <p class="field-error">
        {kind === "retrain" ? "No slide has been corrected yet." : "There is no slide that can be opened."}
      </p>
    );
  }
  return (
    <CheckList
      title={kind === "retrain" ? "Corrected slides" : "Slides"}
      items={items}
      chosen={draft.slides}
      error={error}
      onChoose={(slides) => change({ slides })}
    />
  );
}

/** What can be chosen in fields that have a good first value. */
const CHOICES = {
  tissue: [
    ["otsu", "on tissue"],
    ["all", "everywhere"],
  ],
  annotations: [
    ["corrections", "those saved here"],
    ["files", "the files beside the slides"],
  ],
  unmarked: [
    ["unknown", "is not known: take what is marked or lies in Region*"],
    ["normal", "is free of tumour: the slides were looked at altogether"],
  ],
  preset: [
    ["laptop", "laptop: a pretrained backbone, a quarter of an hour"],
    ["best", "best: the same, with four times the steps"],
    ["paper", "paper: as published, slow without a GPU"],
    ["paper-small", "paper-small: as published with a small classifier"],
  ],
  anyResolution: [
    ["no", "are refused, from a factor of 1.5 in microns per pixel"],
    ["yes", "are taken together"],
  ],
} as const;

/** Fields that have a good first value. */
function OptionField({ field, draft, error, change }: Omit<DraftFieldProps, "kind" | "workspace">) {
  switch (field) {
    case "tissue":
    case "annotations":
    case "unmarked":
    case "preset":
    case "anyResolution":
      return field === "unmarked" && draft.annotations === "files" ? null : (
        <SelectField<string>
          title={settingWords[field].label}
          value={draft[field]}
          choices={CHOICES[field]}
          error={error}
          onChoose={(value) => change({ [field]: value })}
        />
      );
    case "backbone":
    case "overlap":
    case "gate":
    case "patchSize":
    case "stride":
    case "patchMpp":
    case "split":
    case "seed":
      return (
        <TextField
          title={settingWords[field].label}
          hint={settingWords[field].hint}
          placeholder={PLACEHOLDERS[field] ?? ""}
          numeric={field !== "split" && field !== "backbone"}
          value={draft[field]}
          error={error}
          onInput={(text) => change({ [field]: text })}
        />
      );
    default:
      return null;
  }
}
