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
  const name = String(issue?.path[0]);
  const value = new Map<string, unknown>(Object.entries(given)).get(name);
  throw new EpSamError("usage", {
    where: `\`${name}\``,
    what: `cannot be ${value}`,
    action: issue?.message,
  });
}
