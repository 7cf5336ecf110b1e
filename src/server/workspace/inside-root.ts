import { realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { EpSamError, isEpSamError, messageOf } from "../../common/index.js";

/** True when a resolved path is a directory or lies in it. */
export function liesInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !/^([A-Za-z]:|[\\/])/.test(way));
}

/**
 * A file of a directory, with symbolic links resolved: links must not lead out of it.
 * @param root absolute, symbolic links resolved
 * @param parts names of folders and of the file
 * @throws EpSamError `not-found` when there is no such file, `forbidden` when it lies elsewhere
 */
export async function fileInside(root: string, ...parts: readonly string[]): Promise<string> {
  const path = join(root, ...parts);
  const where = parts.at(-1);
  const isPlain = parts.every((part) => !/[\\/\0]/.test(part) && part !== ".." && part !== ".");
  const resolved = isPlain ? await resolvedPath(path) : null;
  if (resolved === null) throw new EpSamError("not-found", { where, what: "does not exist" });
  if (liesInside(resolved, root)) return resolved;
  throw new EpSamError("forbidden", {
    where,
    what: "is a link to a place outside of what was given to `epsam view`",
    action: "Give that place itself.",
  });
}

/** As {@link fileInside}; null when the file is not there, or a link leads elsewhere. */
export async function fileInsideOrNull(root: string, ...parts: readonly string[]): Promise<string | null> {
  try {
    return await fileInside(root, ...parts);
  } catch (failure) {
    if (isEpSamError(failure, "not-found") || isEpSamError(failure, "forbidden")) return null;
    throw failure;
  }
}

async function resolvedPath(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return null;
    throw new EpSamError(
      "storage",
      { where: path, what: "cannot be reached", why: messageOf(cause) },
      { cause },
    );
  }
}
