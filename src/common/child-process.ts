import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { EpSamError, errorTags, messageOf } from "./errors.js";
import { adoptAddresses, secretAddresses } from "./remote-path.js";

/** Characters kept of what a process writes to its standard error. */
const KEPT_ERROR_OUTPUT = 4096;
/** Milliseconds that a process may take to end once it was told to. */
const ENDING_MILLISECONDS = 5000;

/** The process ended, or was ended because it did not answer. */
export class ChildLost extends Error {
  override readonly name = "ChildLost";
}

/** Bytes and floats in messages. */
export const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
export const floatsSchema = z.custom<Float32Array>((value) => value instanceof Float32Array);

const text = z.string().optional();
const requestSchema = z.union([
  z.object({ id: z.number(), abort: z.literal(true) }),
  z.object({ id: z.number(), question: z.unknown() }),
  z.object({ addresses: z.array(z.tuple([z.string(), z.string()])) }),
]);
const failureSchema = z.object({
  message: z.string(),
  /** Of an EpSamError, which stays one. */
  error: z
    .object({
      tag: z.enum(errorTags),
      fields: z.object({ what: z.string(), where: text, why: text, action: text }),
    })
    .optional(),
});
const replySchema = z.union([
  z.object({ id: z.number(), isAnswer: z.literal(false), told: z.unknown() }),
  z.object({ id: z.number(), failure: failureSchema }),
  z.object({ id: z.number(), answer: z.unknown() }),
]);

/** The file of a module that lies relative to another one: TypeScript among the sources, else JavaScript. */
export function moduleBeside(importer: string, name: string): string {
  return fileURLToPath(new URL(name + extname(fileURLToPath(importer)), importer));
}

/** What makes Node 20 run a module: sources, as in tests, need a loader. */
export function loaderArguments(module: string): string[] {
  if (extname(module) !== ".ts") return [];
  return ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href];
}

/** The last line that a process wrote; undefined when it wrote none. */
export function lastLine(output: string): string | undefined {
  return output.trim().split("\n").at(-1) || undefined;
}

export interface ChildOptions {
  /** File of a module that calls {@link answerParent}, see {@link moduleBeside}. */
  readonly module: string;
  /** By default this process's; `NODE_OPTIONS` are left out, which may be for this process alone. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Questions that the process has at the same time; others wait here. All unless told. */
  readonly atOnce?: number | undefined;
  /** Called once, when the process has ended or is ended. */
  readonly onLost?: ((reason: ChildLost) => void) | undefined;
}

/** What passes between the two processes while a question is under way. */
export interface Conversation {
  /** Asks the other process to stop; it fails or answers then. */
  readonly signal?: AbortSignal | undefined;
  /** Is given what the other process tells before it answers. */
  readonly onTold?: ((told: unknown) => void) | undefined;
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
  readonly onTold: Conversation["onTold"];
}

/**
 * A process with a module of this package that answers questions. A crash or a hang there is an error here: every
 * question under way fails, and a new process has to be made. It does not keep this process alive unless it has
 * something to answer.
 */
export class AnsweringChild<Question> {
  readonly #process: ChildProcess;
  readonly #options: ChildOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  readonly #closed: Promise<void>;
  #sent = 0;
  #lost: ChildLost | null = null;
  #errorOutput = "";

  constructor(options: ChildOptions) {
    this.#options = options;
    const { NODE_OPTIONS: _, ...environment } = options.environment ?? process.env;
    this.#process = fork(options.module, [], {
      execArgv: loaderArguments(options.module),
      env: environment,
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process.on("message", (message) => this.#settle(message));
    const addresses = secretAddresses();
    // One that could not be started tells so when it is asked.
    if (addresses.length > 0) this.#process.send({ addresses }, () => undefined);
    const { stderr } = this.#process;
    stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#errorOutput = (this.#errorOutput + chunk).slice(-KEPT_ERROR_OUTPUT);
    });
    // The event "close" of the process would be both, but does not come after a disconnect (Node 20).
    const written = new Promise((resolve) => stderr?.once("close", resolve));
    this.#closed = this.#ended().then(async (how) => {
      await written;
      this.#lose(withLastLine(how, this.#errorOutput));
    });
    this.#keepParent(false);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /**
   * Asks and waits for the answer.
   * @param schema that the answer fits
   * @param timeout milliseconds from when the process gets the question
   * @throws ChildLost when the process ends before or takes too long; what the answering function threw: an
   *   EpSamError as it was, else an Error with its words
   */
  async ask<Answer>(
    question: Question,
    schema: z.ZodType<Answer>,
    timeout?: number,
    { signal, onTold }: Conversation = {},
  ): Promise<Answer> {
    const { atOnce = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#pending.size >= atOnce && this.#lost === null) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#lost !== null) throw this.#lost;
    const id = this.#sent++;
    const abort = () => this.#process.send({ id, abort: true });
    try {
      const answer = await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onTold, timer: this.#timer(timeout) });
        this.#keepParent(true);
        this.#process.send({ id, question }, (failure) => {
          if (failure !== null) this.#lose(`it takes no question: ${failure.message}`);
        });
        if (signal?.aborted === true) abort();
        signal?.addEventListener("abort", abort, { once: true });
      });
      return schema.parse(answer);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends the process at once; what is under way fails. */
  end(reason = "it was closed"): void {
    this.#lose(reason);
  }

  /** Lets the process end by itself, and gives the last of what it wrote to its standard error. */
  async finish(): Promise<string> {
    this.#keepParent(true);
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), ENDING_MILLISECONDS);
    await this.#closed;
    clearTimeout(timer);
    return this.#errorOutput;
  }

  #timer(timeout: number | undefined): NodeJS.Timeout | undefined {
    if (timeout === undefined) return undefined;
    return setTimeout(() => this.#lose(`no answer within ${timeout / 1000} s`), timeout);
  }

  #settle(message: unknown): void {
    const { data: reply } = replySchema.safeParse(message);
    if (reply === undefined) {
      this.#lose("it sent something that is no answer");
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if ("isAnswer" in reply) {
      pending.onTold?.(reply.told);
      return;
    }
    clearTimeout(pending.timer);
    this.#pending.delete(reply.id);
    this.#keepParent(this.#pending.size > 0);
    if ("failure" in reply) pending.reject(thrownThere(reply.failure));
    else pending.resolve(reply.answer);
    this.#waiting.shift()?.();
  }

  #lose(reason: string): void {
    if (this.#lost !== null) return;
    this.#lost = new ChildLost(reason);
    this.#process.kill("SIGKILL");
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#lost);
    }
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) wake();
    this.#options.onLost?.(this.#lost);
  }

  /** How the process ends. */
  #ended(): Promise<string> {
    return new Promise((resolve) => {
      this.#process.once("error", ({ message }) => resolve(`its process could not be run: ${message}`));
      this.#process.once("exit", (code, signal) => {
        resolve(
          signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`,
        );
      });
    });
  }

  #keepParent(isBusy: boolean): void {
    const change = isBusy ? "ref" : "unref";
    this.#process[change]();
    this.#process.channel?.[change]();
    // A pipe to a child is a socket, which alone would keep this process alive.
    const { stderr } = this.#process;
    if (stderr instanceof Socket) stderr[change]();
  }
}

/** The other end of a {@link Conversation}. */
export interface Asker {
  /** Aborts when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** Tells something before the answer. */
  tell(told: unknown): void;
}

/** Answers the questions of the process that started this one, and ends with it. */
export function answerParent<Question>(
  schema: z.ZodType<Question>,
  answer: (question: Question, asker: Asker) => Promise<unknown>,
): void {
  const underWay = new Map<number, AbortController>();
  const reply = async (message: unknown): Promise<void> => {
    const request = requestSchema.parse(message);
    if ("addresses" in request) return adoptAddresses(request.addresses);
    const { id } = request;
    if ("abort" in request) {
      underWay.get(id)?.abort();
      return;
    }
    const stop = new AbortController();
    underWay.set(id, stop);
    const asker: Asker = {
      signal: stop.signal,
      tell: (told) => process.send?.({ id, isAnswer: false, told }),
    };
    try {
      process.send?.({ id, answer: await answer(schema.parse(request.question), asker) });
    } catch (thrown) {
      process.send?.({ id, failure: failureOf(thrown) });
    } finally {
      underWay.delete(id);
    }
  };
  process.on("message", (message) => void reply(message));
  process.on("disconnect", () => process.exit(0));
}

function withLastLine(how: string, output: string): string {
  const said = lastLine(output);
  return said === undefined ? how : `${how}: ${said}`;
}

function failureOf(thrown: unknown): z.infer<typeof failureSchema> {
  if (!(thrown instanceof EpSamError)) return { message: messageOf(thrown) };
  return { message: thrown.message, error: { tag: thrown.tag, fields: thrown.fields } };
}

function thrownThere({ message, error }: z.infer<typeof failureSchema>): Error {
  return error === undefined ? new Error(message) : new EpSamError(error.tag, error.fields);
}
