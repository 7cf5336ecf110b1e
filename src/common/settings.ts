import { z } from "zod";
import { EpSamError } from "./errors.js";

/**
 * Settings as a schema has them: checked, with its defaults for those left out.
 * @throws EpSamError `usage` that names the first one that is out of range, and what would do
 */
export function readSettings<Schema extends z.core.$ZodObject>(
  schema: Schema,
  given: z.input<Schema>,
): z.output<Schema> {
  const read = z.safeParse(schema, given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  // A place in a list has no name of its own: the list is what cannot be so.
  const path = issue?.path ?? [];
  const index = path.findIndex((part) => typeof part === "number");
  const names = path.slice(0, index < 0 ? undefined : index).map(String);
  throw new EpSamError("usage", {
    where: `\`${names.join(".")}\``,
    what: `cannot be ${valueAt(given, names)}`,
    action: issue?.message,
  });
}

function valueAt(settings: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (value, name) => (value instanceof Object ? new Map(Object.entries(value)).get(name) : undefined),
    settings,
  );
}
