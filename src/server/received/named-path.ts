import { basename, isAbsolute, normalize, relative, resolve, sep } from "node:path";
import { EpSamError, isEpSamError } from "../../common/index.js";
import { isAddressList } from "../../dataset/index.js";
import { fileInside, liesInside } from "../workspace/inside-root.js";
import { labelsOf } from "../workspace/labels.js";
import type { AllowedFolder, OpenWorkspace } from "../workspace/workspace.js";

/** What folders are called of which the page may name files. */
export function allowedNames({ allowedFolders }: OpenWorkspace): string[] {
  return [...labelsOf(allowedFolders.map(({ root }) => root)).values()];
}

/**
 * The file or folder that somebody names: by its path in a folder that is allowed, with or without that folder's name
 * before it, or by its whole path. Nothing outside of these folders is looked at, and no address is asked.
 * @returns absolute, symbolic links resolved
 * @throws EpSamError `forbidden` for a path that leads elsewhere, also by a link, `not-found`, `usage` for an address, a list of
 *   such, and a path that several folders have
 */
export async function namedPath(workspace: OpenWorkspace, text: string): Promise<string> {
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(text)) throw addressRefused(text);
  const waysInside = workspace.allowedFolders.flatMap((folder) =>
    waysInto(folder, text).map((way) => ({ root: folder.root, way })),
  );
  if (waysInside.length === 0) throw outside(workspace, text);
  const found = new Set<string>();
  for (const { root, way } of waysInside) {
    try {
      found.add(await fileInside(root, ...way.split(sep).filter(Boolean)));
    } catch (failure) {
      if (!isEpSamError(failure, "not-found")) throw failure;
    }
  }
  const [path, ...others] = found;
  const where = basename(text);
  const folders = allowedNames(workspace).join(", ");
  if (path === undefined) {
    throw new EpSamError("not-found", {
      where,
      what: "is not there",
      why: `it was looked for in ${folders}`,
      action: "Check how the path is spelt: it begins in one of these folders.",
    });
  }
  if (others.length > 0) {
    throw new EpSamError("usage", {
      where,
      what: "is there in several of the folders",
      action: `Put the folder's name before the path: ${folders}.`,
    });
  }
  if (await isAddressList(path)) throw addressRefused(where);
  return path;
}

/** How a text names something in a folder, from there; none where it names something elsewhere. */
function waysInto({ root, given }: AllowedFolder, text: string): string[] {
  const paths = isAbsolute(text)
    ? [relative(root, normalize(text)), relative(given, normalize(text))]
    : [normalize(text), relative(basename(root), normalize(text))];
  return paths.filter((way) => liesInside(resolve(root, way), root));
}

function outside(workspace: OpenWorkspace, text: string): EpSamError {
  const folders = allowedNames(workspace);
  return new EpSamError("forbidden", {
    where: basename(text),
    what: "lies outside of the folders whose files can be added by path",
    why: folders.length === 0 ? "none is allowed" : `these are ${folders.join(", ")}`,
    action: "Drop it on the page, or start `epsam view` with its folder or with `allow`.",
  });
}

function addressRefused(where: string): EpSamError {
  return new EpSamError("usage", {
    where,
    what: "is on a server: the page adds files of this machine alone",
    action: "Give the address to `epsam view` when it starts.",
  });
}
