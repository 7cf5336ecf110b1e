import { EpSamError } from "../../common/index.js";
import { findAnnotation } from "../../dataset/index.js";
import type { Workspace, WorkspaceSlide } from "../workspace/workspace.js";

/**
 * The folder with annotation files of the slides: the one that knows most of them.
 * @throws EpSamError `usage` when none knows any
 */
export async function annotationFolderOf(
  { annotationFolders }: Workspace,
  slides: readonly WorkspaceSlide[],
): Promise<string> {
  let best = { folder: "", known: 0 };
  for (const folder of annotationFolders) {
    const files = await Promise.all(slides.map(({ stem }) => findAnnotation(stem, folder)));
    const known = files.filter((file) => file !== null).length;
    if (known > best.known) best = { folder, known };
  }
  if (best.known > 0) return best.folder;
  throw new EpSamError("usage", {
    what: "none of the slides has an annotation file",
    why: "files named like the slides are looked for in the folders given to `epsam view` as `annotations`",
    action: "Start `epsam view --annotations FOLDER`, or take the corrections saved here.",
  });
}
