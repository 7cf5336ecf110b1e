/**
 * The process in which a worker works on slides: a slide that ends it leaves the worker alive, and a worker whose slides
 * compute goes on answering Redis.
 */
import { type Asker, answerParent, EpSamError, hashBytes, type Reporter } from "../../common/index.js";
import { doSharedWork } from "../../dataset/index.js";
import { chooseDevice, type DeviceRequest } from "../../graph/index.js";
import { SlideBySlide } from "../../inference/index.js";
import { openSlide } from "../../slides/index.js";
import type { SlideJob } from "./job.js";
import { type SlideMessage, slideQuestionSchema } from "./slide-work.js";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

type InferJob = Extract<SlideJob, { kind: "infer" }>;

/** The models that were used last: slides of one cohort come one after the other. */
let open: { readonly key: string; readonly slides: SlideBySlide } | null = null;

async function slidesOf(
  { options, models }: InferJob,
  request: DeviceRequest,
  reporter: Reporter,
): Promise<SlideBySlide> {
  const key = JSON.stringify([options, models]);
  if (open?.key === key) return open.slides;
  await open?.slides.close();
  open = null;
  const device = async () => (await chooseDevice(request)).device;
  const slides = await SlideBySlide.open({ ...options, device, reporter });
  if (hashBytes(JSON.stringify(slides.identity)) !== models) {
    await slides.close();
    throw new EpSamError("run-directory", {
      where: options.run,
      what: "has other models here than where the command was given",
      why: "version, configuration or weights differ (their hash does)",
      action: "Give every worker the same run and the same version of ep-sam.",
    });
  }
  open = { key, slides };
  return slides;
}

function reporterOf({ tell }: Asker): Reporter {
  const say = (message: SlideMessage) => tell(message);
  return {
    progress: ({ done, total }) => say({ type: "progress", done, total }),
    note: (text) => say({ type: "note", text }),
    warn: (text) => say({ type: "warning", text }),
  };
}

answerParent(slideQuestionSchema, async ({ job, device, patience }, asker) => {
  const reporter = reporterOf(asker);
  const { signal } = asker;
  const started = performance.now();
  if (job.kind === "infer") {
    const slides = await slidesOf(job, device, reporter);
    await slides.segment(job.task, { reporter, signal, patience });
  } else {
    const onProgress = (done: number, total: number) => asker.tell({ type: "progress", done, total });
    const warnings = await doSharedWork(job.work, {
      openSlide: (path) => openSlide(path),
      signal,
      onProgress,
    });
    for (const warning of warnings) reporter.warn(`${job.work.file.path}: ${warning}.`);
  }
  return { seconds: (performance.now() - started) / 1000 };
});
