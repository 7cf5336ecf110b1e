/** What kinds of things go wrong; commands and the web application choose exit code and wording by them. */
export const errorTags = [
  "usage",
  "configuration",
  "input-image",
  "input-mask",
  "slide",
  "annotation",
  "dataset",
  "weights",
  "run-directory",
  "shape",
  "numerical",
  "device",
  "storage",
  // A server that does not answer, or answers otherwise than before.
  "network",
  // Answers of the web application that the command line does not have.
  "not-found",
  "conflict",
  "forbidden",
  "too-large",
  "busy",
  "internal",
] as const;

export type ErrorTag = (typeof errorTags)[number];

/**
 * Settings are named in backticks as they are called in code, alone or with a value: `patchSize`, `resume: true`. The
 * command line shows them as its flags, the page by their labels.
 */
export interface ErrorFields {
  /** What was wrong, in one sentence. */
  readonly what: string;
  /** The file, setting, configuration key, tensor or operation concerned. */
  readonly where?: string | undefined;
  /** Why it is a problem or how it was noticed. */
  readonly why?: string | undefined;
  /** What the user can do next. */
  readonly action?: string | undefined;
}

/** The one error class of the project: a tag for programs, fields for people. */
export class EpSamError extends Error {
  readonly tag: ErrorTag;
  readonly fields: ErrorFields;

  constructor(tag: ErrorTag, fields: ErrorFields, options?: { cause?: unknown }) {
    super(describeFields(fields), options);
    this.name = "EpSamError";
    this.tag = tag;
    this.fields = fields;
  }
}

function describeFields(fields: ErrorFields): string {
  const place = fields.where === undefined ? "" : `${fields.where}: `;
  const reason = fields.why === undefined ? "" : ` (${fields.why})`;
  const action = fields.action === undefined ? "" : ` ${fields.action}`;
  return `${place}${fields.what}${reason}.${action}`;
}

/** True when `value` is an {@link EpSamError}, optionally of the given tag. */
export function isEpSamError(value: unknown, tag?: ErrorTag): value is EpSamError {
  return value instanceof EpSamError && (tag === undefined || value.tag === tag);
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What was wrong, how it showed and what to do, as lists of skipped inputs tell it, which have the input's name already. */
export function skipReason({ what, why, action }: Omit<ErrorFields, "where">): string {
  const reason = why === undefined ? what : `${what} (${why})`;
  return action === undefined ? reason : `${reason}; ${action.replace(/\.$/, "")}`;
}
