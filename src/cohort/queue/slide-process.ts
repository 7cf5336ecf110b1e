/**
 * The process in which a worker works on slides: a slide that ends it leaves the worker alive, and a worker whose slides
 * compute goes on answering Redis.
 */
import { basename } from "node:path";
import { type Asker, answerParent, EpSamError, hashBytes, type Reporter } from "../../common/index.js";
import { doSharedWork } from "../../dataset/index.js";
import { chooseDevice, type Device } from "../../graph/index.js";
import { SlideBySlide } from "../../inference/index.js";
import { openSlide } from "../../slides/index.js";
import {
  type EmbeddingWork,
  type KeptEmbeddings,
  keepEmbeddings,
  openKeptEmbeddings,
  requireSameNetworks,
} from "../../training/index.js";
import type { SlideJob } from "./job.js";
import { type SlideMessage, slideQuestionSchema } from "./slide-work.js";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

type InferJob = Extract<SlideJob, { kind: "infer" }>;

/** What takes long to open and was used last: jobs of one cohort come one after the other. */
class LastOpened<T extends { close(): Promise<void> }> {
  #held: { readonly key: string; readonly value: T } | null = null;

  /** What the key stands for; another one is closed before it is opened. */
  async get(key: object, open: () => Promise<T>): Promise<T> {
    const text = JSON.stringify(key);
    if (this.#held?.key === text) return this.#held.value;
    await this.close();
    const value = await open();
    this.#held = { key: text, value };
    return value;
  }

  async close(): Promise<void> {
    await this.#held?.value.close();
    this.#held = null;
  }
}

const lastSlides = new LastOpened<SlideBySlide>();
const lastEmbeddings = new LastOpened<KeptEmbeddings>();

async function openSlides(
  { options, models }: InferJob,
  device: () => Promise<Device>,
  reporter: Reporter,
): Promise<SlideBySlide> {
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
  return slides;
}

/** @throws EpSamError `input-image` when a patch cannot be read, after all others are done */
async function embedGroup(
  work: EmbeddingWork,
  device: () => Promise<Device>,
  { reporter, signal }: { readonly reporter: Reporter; readonly signal: AbortSignal },
): Promise<void> {
  const { by, ids, cache, patches } = work;
  const kept = await lastEmbeddings.get({ by, ids, cache }, async () => {
    const opened = await openKeptEmbeddings(work, { device: await device(), reporter });
    try {
      requireSameNetworks(work, opened);
    } catch (other) {
      await opened.close();
      throw other;
    }
    return opened;
  });
  const total = patches.reduce((sum, { variants }) => sum + variants.length, 0);
  let done = 0;
  const onDone = () => reporter.progress({ task: "embeddings", done: ++done, total });
  const { unreadable } = await keepEmbeddings(kept, work, { signal, onDone });
  const [first] = unreadable;
  if (first === undefined) return;
  const others = unreadable.length === 1 ? "" : `, and ${unreadable.length - 1} more`;
  const where = `${basename(first.fields.where ?? "a patch")}${others}`;
  throw new EpSamError("input-image", { ...first.fields, where, what: `${where}: ${first.fields.what}` });
}

function reporterOf({ tell }: Asker): Reporter {
  const say = (message: SlideMessage) => tell(message);
  return {
    progress: ({ done, total }) => say({ type: "progress", done, total }),
    note: (text) => say({ type: "note", text }),
    warn: (text) => say({ type: "warning", text }),
  };
}

answerParent(slideQuestionSchema, async ({ job, device: request, patience }, asker) => {
  const reporter = reporterOf(asker);
  const { signal } = asker;
  const started = performance.now();
  const device = async () => (await chooseDevice(request)).device;
  if (job.kind === "infer") {
    await lastEmbeddings.close();
    const { options, models } = job;
    const slides = await lastSlides.get({ options, models }, () => openSlides(job, device, reporter));
    await slides.segment(job.task, { reporter, signal, patience });
  } else if (job.kind === "embed") {
    await lastSlides.close();
    await embedGroup(job.work, device, { reporter, signal });
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
