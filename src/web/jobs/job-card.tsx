import { useEffect, useState } from "preact/hooks";
import { type JobEntry, type JobState, jobEntrySchema } from "../../contract/index.js";
import { paths, request, requestJson } from "../api/index.js";
import { announce, Button, Dialog, ProblemNote, showProblem, withLabels } from "../interface/index.js";
import { formatRoute, jobsRoute, slideRoute, wholeGallery } from "../routing/hash-link.js";
import { dropJob, takeJob, workspace } from "../state/workspace.js";
import { barOf, wholeText } from "./job-progress.js";
import { durationText, timeText } from "./times.js";

const SECOND = 1000;

const STATES: Readonly<Record<JobState, string>> = {
  queued: "waiting",
  running: "running",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
  interrupted: "cut off",
};

/** What a job's state is called. */
function stateName({ state, stopping }: JobEntry): string {
  return stopping ? "stopping" : STATES[state];
}

/** One job: what it does, how far it is, what came of it. */
export function JobCard({ job }: { readonly job: JobEntry }) {
  const { state } = job;
  const isOver = state !== "running" && state !== "queued";
  const name = stateName(job);
  return (
    <article class={`job ${state}`} aria-label={`${job.title}, ${name}`}>
      <header>
        <h2>{job.title}</h2>
        <span class={`state ${state}`}>{name}</span>
      </header>
      <Times job={job} />
      {state === "running" ? <Progress job={job} /> : null}
      {job.problem === null ? null : <ProblemNote problem={job.problem} quiet />}
      {state === "interrupted" ? (
        <p>The server ended while it ran.{job.resumable ? " It can go on where it was." : ""}</p>
      ) : null}
      <Outcome job={job} />
      <div class="job-actions">
        {job.stopping ? <span>It ends at its next safe point, or after half a minute.</span> : null}
        {isOver || job.stopping ? null : <Step job={job} step="cancel" title="Cancel" />}
        {job.resumable ? <Step job={job} step="resume" title="Resume" /> : null}
        <RepeatLink job={job} />
        {isOver ? <Remove job={job} /> : null}
      </div>
      {job.log.length === 0 ? null : (
        <details class="log">
          <summary>Log ({job.log.length})</summary>
          <pre>{withLabels(job.log.join("\n"))}</pre>
        </details>
      )}
    </article>
  );
}

/** When it ran, and for how long; of one that runs the time goes on. */
function Times({ job: { createdAt, startedAt, finishedAt } }: { readonly job: JobEntry }) {
  const isRunning = startedAt !== null && finishedAt === null;
  const now = useNow(isRunning ? SECOND : null);
  if (startedAt === null) return <p class="hint">asked for {timeText(createdAt)}</p>;
  return (
    <p class="hint">
      {finishedAt === null
        ? `since ${timeText(startedAt)}, for ${durationText(startedAt, now)}`
        : `${timeText(startedAt)}, took ${durationText(startedAt, finishedAt)}`}
    </p>
  );
}

/** The time as ISO 8601, again and again; null stops it. */
function useNow(milliseconds: number | null): string {
  const [now, setNow] = useState(() => new Date().toISOString());
  useEffect(() => {
    if (milliseconds === null) return undefined;
    const timer = setInterval(() => setNow(new Date().toISOString()), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}

function Progress({ job: { progress, title } }: { readonly job: JobEntry }) {
  if (progress === null) return <progress aria-label={`Progress of ${title}`} />;
  const { task, done, total, detail } = progress;
  const whole = wholeText(progress);
  return (
    <div class="progress">
      <progress aria-label={`Progress of ${title}`} {...barOf(progress)} />
      {whole === null ? null : <p class="whole">{whole}</p>}
      <p>
        {task} {total > 0 ? `${done} of ${total}` : ""}
        {detail === null ? "" : ` · ${detail}`}
      </p>
    </div>
  );
}

function RepeatLink({ job: { id, request } }: { readonly job: JobEntry }) {
  // Squares are changed where they lie.
  return request.kind === "teach" ? (
    <a class="button" href={formatRoute(slideRoute(request.slide))}>
      The slide with its squares …
    </a>
  ) : (
    <a class="button" href={formatRoute({ ...jobsRoute(request.kind), repeat: id })}>
      Repeat with changes …
    </a>
  );
}

/** Links to what a job made. */
function Outcome({ job: { result } }: { readonly job: JobEntry }) {
  if (result === null) return null;
  const { run, dataset, slides = [] } = result;
  const known = workspace.value.state === "ready" ? workspace.value.value.slides : [];
  return (
    <ul class="outcome">
      {run === undefined ? null : (
        <li>
          <a href={formatRoute({ page: "run", run, tab: "report" })}>The run</a>
        </li>
      )}
      {dataset === undefined ? null : (
        <li>
          <a href={formatRoute({ page: "dataset", dataset, query: wholeGallery })}>The dataset</a>
        </li>
      )}
      {slides.map((slide) => (
        <li key={slide}>
          <a href={formatRoute(slideRoute(slide))}>
            {known.find(({ id }) => id === slide)?.name ?? "A slide"}
          </a>
        </li>
      ))}
    </ul>
  );
}

interface StepProps {
  readonly job: JobEntry;
  readonly step: "cancel" | "resume";
  readonly title: string;
}

function Step({ job, step, title }: StepProps) {
  const [sending, setSending] = useState(false);
  const send = async () => {
    setSending(true);
    try {
      const to = `${paths.job(job.id)}/${step}`;
      const changed = await requestJson(jobEntrySchema, to, { method: "POST", body: {} });
      takeJob(changed);
      announce(`${changed.title}: ${stateName(changed)}.`);
    } catch (cause) {
      showProblem(cause);
    } finally {
      setSending(false);
    }
  };
  return (
    <Button disabled={sending} onClick={() => void send()}>
      {title}
    </Button>
  );
}

function Remove({ job }: { readonly job: JobEntry }) {
  const [asking, setAsking] = useState(false);
  const remove = async () => {
    setAsking(false);
    try {
      await request(paths.job(job.id), { method: "DELETE" });
      dropJob(job.id);
      announce(`${job.title}: removed.`);
      document.getElementById("main")?.focus();
    } catch (cause) {
      showProblem(cause);
    }
  };
  return (
    <>
      <Button onClick={() => setAsking(true)}>Remove …</Button>
      {asking ? (
        <Dialog title="Remove from the list" onClose={() => setAsking(false)}>
          <p>
            “{job.title}” leaves the list, and its log with it.
            {job.resumable ? " It cannot be resumed then." : ""} What it made stays.
          </p>
          <p class="dialog-actions">
            <Button kind="main" onClick={() => void remove()}>
              Remove
            </Button>
            <Button onClick={() => setAsking(false)}>Keep</Button>
          </p>
        </Dialog>
      ) : null}
    </>
  );
}
