import { availableParallelism } from "node:os";
import {
  type CoordinateOrigin,
  GroupRoles,
  type GroupRules,
  type JudgedAreas,
} from "../annotations/index.js";
import { type Reporter, WorkQueue } from "../common/index.js";
import { EventBus } from "./event-bus.js";
import { OpenSlides } from "./open-slides.js";
import { OpenWorkspace } from "./workspace/workspace.js";

/** Readings that may wait for their turn; a page asks for a few dozen tiles at a time. */
const WAITING_LIMIT = 256;
/** Files read at the same time: what hides the waiting for a disk. */
const READERS = 8;

/** What every route group works with. */
export interface ServerContext {
  readonly workspace: OpenWorkspace;
  /** Slides and rasters by path, opened lazily and kept open while they are looked at. */
  readonly openSlides: OpenSlides;
  /**
   * Limits decoding and encoding of tiles and pictures; run everything heavier than reading a file in it. Two tasks a
   * core: each goes from the thread that decodes to the one that encodes.
   */
  readonly decoding: WorkQueue;
  /** Limits the reading of files that are passed on as they are. */
  readonly reading: WorkQueue;
  /** For what takes seconds, such as pictures of whole slides: one at a time, so that tiles come in between. */
  readonly background: WorkQueue;
  /** What groups of annotation files mean. */
  readonly groupRoles: GroupRoles;
  /** Where coordinates of annotation files begin on slides with bounds; undefined: as each file's program counts. */
  readonly annotationOrigin: CoordinateOrigin | undefined;
  /** Address of the queue whose workers do what jobs ask of slides; undefined: this machine does. */
  readonly queue: string | undefined;
  readonly events: EventBus;
  /** Absolute path of the directory for corrections, jobs and what they make. It need not exist. */
  readonly stateDirectory: string;
  /** Aborts when the server ends. */
  readonly signal: AbortSignal;
  /** Where the server tells what it does and what went wrong: the terminal. */
  readonly reporter: Reporter;
  /** Facts that other groups know about slides; whoever knows one sets it when its routes are made. */
  readonly facts: ServedSlide;
}

export interface ServedSlide {
  /** How many annotations are saved for a slide, and how many of them nobody has judged. */
  annotationCount: (slide: string) => Promise<{ readonly all: number; readonly unreviewed: number }>;
  /** Classes of its judged annotations of which nothing tells what they mean to training; null stands for none. */
  classesWithoutMeaning: (slide: string) => Promise<readonly (string | null)[]>;
  /**
   * What its saved annotations say where tumour is; null without any.
   * @throws EpSamError `annotation` for a class without meaning
   */
  corrections: (slide: string) => Promise<Corrections | null>;
}

export interface Corrections {
  readonly areas: JudgedAreas;
  /** Another when they may say something else. */
  readonly version: string;
}

export interface ServerContextOptions {
  readonly stateDirectory: string;
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  readonly openSlides?: OpenSlides | undefined;
  /** What groups of annotation files mean, beside those that are known. */
  readonly groups?: Partial<GroupRules> | undefined;
  readonly annotationOrigin?: CoordinateOrigin | undefined;
  readonly queue?: string | undefined;
}

/** A context with an empty workspace. */
export function createServerContext(options: ServerContextOptions): ServerContext {
  const { stateDirectory, signal, reporter } = options;
  return {
    workspace: new OpenWorkspace(),
    openSlides: options.openSlides ?? new OpenSlides(),
    decoding: new WorkQueue({ running: 2 * availableParallelism(), waiting: WAITING_LIMIT }),
    reading: new WorkQueue({ running: READERS, waiting: WAITING_LIMIT }),
    background: new WorkQueue({ running: 1, waiting: WAITING_LIMIT }),
    groupRoles: new GroupRoles(options.groups),
    annotationOrigin: options.annotationOrigin,
    queue: options.queue,
    events: new EventBus(),
    stateDirectory,
    signal,
    reporter,
    facts: {
      annotationCount: () => Promise.resolve({ all: 0, unreviewed: 0 }),
      classesWithoutMeaning: () => Promise.resolve([]),
      corrections: () => Promise.resolve(null),
    },
  };
}
