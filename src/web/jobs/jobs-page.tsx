import { jobKinds } from "../../contract/index.js";
import { Dialog, Resource, showMessage } from "../interface/index.js";
import { formatRoute, jobsRoute, type Route } from "../routing/hash-link.js";
import { navigate } from "../routing/location.js";
import { PageHead } from "../shell/page-head.js";
import { jobs, loadJobs, loadWorkspace, workspace } from "../state/workspace.js";
import { JobCard } from "./job-card.js";
import { JOB_TITLES, JobForm } from "./job-form.js";
import { NoticeChoice } from "./notice-choice.js";

/** The queue: what runs, what waits, what came before; and the forms that start more. */
export function JobsPage({ route }: { readonly route: Extract<Route, { page: "jobs" }> }) {
  const { start, repeat } = route;
  const all = jobs.value.state === "ready" ? jobs.value.value : null;
  const repeated = all?.find(({ id, request }) => id === repeat && request.kind === start) ?? null;
  return (
    <section class="scrolling-page">
      <PageHead title="Jobs" subtitle="One at a time, in this order; they go on when the page is closed." />
      <ul class="job-kinds">
        {jobKinds.map((kind) => (
          <li key={kind}>
            <a class="button" href={formatRoute(jobsRoute(kind))}>
              {JOB_TITLES[kind]} …
            </a>
          </li>
        ))}
      </ul>
      <NoticeChoice />
      {start === null || (repeat !== null && all === null) ? null : (
        <Dialog title={JOB_TITLES[start]} onClose={() => navigate(jobsRoute())}>
          <Resource loaded={workspace.value} again={() => void loadWorkspace()} what="the workspace">
            {(value) => (
              <JobForm
                key={repeat}
                kind={start}
                workspace={value}
                given={route}
                repeated={repeated}
                onStarted={(job) => {
                  showMessage(`${job.title}: started.`);
                  navigate(jobsRoute());
                }}
              />
            )}
          </Resource>
        </Dialog>
      )}
      <Resource loaded={jobs.value} again={() => void loadJobs()} what="the jobs">
        {(all) =>
          all.length === 0 ? (
            <p class="empty">Nothing has been started yet.</p>
          ) : (
            <ul class="job-list">
              {all.map((job) => (
                <li key={job.id}>
                  <JobCard job={job} />
                </li>
              ))}
            </ul>
          )
        }
      </Resource>
    </section>
  );
}
