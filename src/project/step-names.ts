import { EpSamError, isEpSamError, type Reporter } from "../common/index.js";
import { nameSettings } from "../contract/index.js";

/** Settings of a project that are not those of one step; the command line has flags for them. */
const COMMON = new Set([
  ...["inputs", "annotations", "masks", "out", "profile", "preset", "seed", "overwrite", "device"],
  "anyResolution",
  ...["prepare.mpp", "prepare.split"],
]);

/** Steps whose settings a project's file has; what training says of settings is about how its data were prepared. */
type Step = "prepare" | "train" | "infer";

/** A message of a step with its settings as a project's file calls them: `stride` of `prepare` becomes prepare.stride. */
export function inStep(of: Step, message: string): string {
  const step = of === "train" ? "prepare" : of;
  return nameSettings(message, (setting, value) => {
    const [name] = setting.split(".");
    const isCommon = COMMON.has(setting) || COMMON.has(`${step}.${name}`);
    const told = value === null || value === "true" ? "" : `: ${value}`;
    if (isCommon) return `\`${setting}${value === null ? "" : `: ${value}`}\``;
    return setting === "resume" ? "the same command" : `${step}.${setting}${told}`;
  });
}

/** What a step says and throws names settings as a project's file calls them. */
export async function asStep<T>(
  step: Step,
  reporter: Reporter,
  work: (reporter: Reporter) => Promise<T>,
): Promise<T> {
  const named: Reporter = {
    progress: (event) => reporter.progress(event),
    note: (message) => reporter.note(inStep(step, message)),
    warn: (message) => reporter.warn(inStep(step, message)),
  };
  try {
    return await work(named);
  } catch (failure) {
    if (!isEpSamError(failure)) throw failure;
    const { what, where, why, action } = failure.fields;
    const rename = (text: string | undefined) => (text === undefined ? undefined : inStep(step, text));
    const fields = {
      what: inStep(step, what),
      where: rename(where),
      why: rename(why),
      action: rename(action),
    };
    throw new EpSamError(failure.tag, fields, { cause: failure });
  }
}
