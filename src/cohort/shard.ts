import { EpSamError } from "../common/index.js";

/** One part of the slides, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** More parts than that are a slip of the pen. */
const MOST_SHARDS = 100_000;

/**
 * The part that a text names: `3/16`, `auto` for the one that the scheduler's variables tell, or `auto/16` where they
 * tell the part alone, as Kubernetes does.
 * @throws EpSamError `usage` when it names none, or the variables do not tell
 */
export function parseShard(text: string, variables: Readonly<Record<string, string | undefined>>): Shard {
  const [first = "", second] = text.split("/");
  if (/^\d+$/.test(first) && second !== undefined && /^\d+$/.test(second)) {
    return checked({ index: Number(first), count: Number(second) }, text);
  }
  const hasCount = second !== undefined && /^\d+$/.test(second);
  if (first === "auto" && (second === undefined || hasCount)) {
    return checked(shardOfScheduler(second === undefined ? null : Number(second), variables), text);
  }
  throw wrong(text, "is no shard", "Write the part and how many there are, such as 3/16, or auto.");
}

function checked(shard: Shard, text: string): Shard {
  const { index, count } = shard;
  if (count >= 1 && count <= MOST_SHARDS && index >= 1 && index <= count) return shard;
  const why = count < 1 || count > MOST_SHARDS ? `${count} shards` : `shard ${index} of ${count}`;
  throw wrong(text, `is no shard (${why})`, "The first of 16 is 1/16, the last 16/16.");
}

/** The variables of schedulers that number the tasks of one job. */
const SCHEDULERS = [
  { name: "Slurm", task: "SLURM_ARRAY_TASK_ID", read: shardOfSlurm },
  { name: "Kubernetes", task: "JOB_COMPLETION_INDEX", read: shardOfKubernetes },
  { name: "AWS Batch", task: "AWS_BATCH_JOB_ARRAY_INDEX", read: shardOfBatch },
] as const;

type Variables = Readonly<Record<string, string | undefined>>;

function shardOfScheduler(count: number | null, variables: Variables): Shard {
  const there = SCHEDULERS.filter(({ task }) => (variables[task] ?? "") !== "");
  const [scheduler, other] = there;
  if (scheduler === undefined) {
    const names = SCHEDULERS.map(({ name, task }) => `${task} of ${name}`).join(", ");
    throw wrong("auto", `finds no scheduler: none of ${names} is set`, "Give the shard as 3/16.");
  }
  if (other !== undefined) {
    const what = `finds the variables of two schedulers, ${scheduler.task} and ${other.task}`;
    throw wrong("auto", what, "Give the shard as 3/16.");
  }
  return scheduler.read(count, variables);
}

/** Arrays begin anywhere and may have steps; an array with gaps, such as of tasks that are done again, numbers otherwise. */
function shardOfSlurm(given: number | null, variables: Variables): Shard {
  const id = numberIn("SLURM_ARRAY_TASK_ID", variables);
  const first = numberIn("SLURM_ARRAY_TASK_MIN", variables);
  const last = numberIn("SLURM_ARRAY_TASK_MAX", variables);
  const told = numberIn("SLURM_ARRAY_TASK_COUNT", variables);
  const step =
    (variables.SLURM_ARRAY_TASK_STEP ?? "") === "" ? 1 : numberIn("SLURM_ARRAY_TASK_STEP", variables);
  const places = (last - first) / step + 1;
  if (told !== places || !Number.isInteger((id - first) / step) || (given !== null && given !== told)) {
    const why = given !== null && given !== told ? `, and ${given} shards were asked for` : "";
    throw wrong(
      given === null ? "auto" : `auto/${given}`,
      `does not fit Slurm's array: ${told} tasks from ${first} to ${last}${why}`,
      "Give the whole array again (what is done is kept), or the shard itself, as $SLURM_ARRAY_TASK_ID/16.",
    );
  }
  return { index: (id - first) / step + 1, count: told };
}

function shardOfKubernetes(given: number | null, variables: Variables): Shard {
  if (given === null) {
    const what = "does not tell how many shards there are: Kubernetes gives the index alone";
    throw wrong("auto", what, "Write the completions of the Job after it, such as auto/16.");
  }
  return { index: numberIn("JOB_COMPLETION_INDEX", variables) + 1, count: given };
}

function shardOfBatch(given: number | null, variables: Variables): Shard {
  const index = numberIn("AWS_BATCH_JOB_ARRAY_INDEX", variables) + 1;
  if (given !== null) return { index, count: given };
  return { index, count: numberIn("AWS_BATCH_JOB_ARRAY_SIZE", variables) };
}

function numberIn(name: string, variables: Variables): number {
  const value = variables[name] ?? "";
  if (/^\d+$/.test(value)) return Number(value);
  const what = value === "" ? `needs ${name}, which is not set` : `cannot use ${name}, which is "${value}"`;
  throw wrong("auto", what, "Give the shard as 3/16.");
}

function wrong(text: string, what: string, action: string): EpSamError {
  return new EpSamError("usage", { where: `\`shard: ${text}\``, what, action });
}
