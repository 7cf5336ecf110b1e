import type { ServerContext } from "./context.js";
import type { SlideEntry } from "./contract/index.js";
import { problemOf } from "./problem.js";
import type { WorkspaceSlide } from "./workspace/workspace.js";

/** A slide as the list shows it; one that cannot be opened is told with the reason. */
export async function slideEntry(context: ServerContext, slide: WorkspaceSlide): Promise<SlideEntry> {
  const { id, name, path } = slide;
  const known = { id, name, annotationCount: await context.facts.annotationCount(id), segmented: false };
  try {
    return await context.openSlides.use(path, async ({ levels, micronsPerPixel, format }) => {
      const [full] = levels;
      const size = full === undefined ? null : { width: full.width, height: full.height };
      return { ...known, status: { state: "ready" }, size, micronsPerPixel, format };
    });
  } catch (thrown) {
    const status = { state: "broken", problem: problemOf(thrown) } as const;
    return { ...known, status, size: null, micronsPerPixel: null, format: null };
  }
}
