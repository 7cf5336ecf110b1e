import { EpSamError, exists } from "../common/index.js";

/** @throws EpSamError `usage` when something is at the output already that may not be replaced */
export async function requireFree(out: string, overwrite: true | undefined): Promise<void> {
  if (overwrite === true || !(await exists(out))) return;
  throw new EpSamError("usage", {
    what: "exists already",
    where: out,
    action: "Choose another --out, or replace it with --overwrite.",
  });
}
