import { grouped } from "../../common/index.js";
import { nameKey } from "../../dataset/index.js";
import { bytesOf } from "../open-slides.js";
import { nearness, type OpenWorkspace, type WorkspaceSlide } from "../workspace/workspace.js";
import type { IndexedDataset } from "./dataset-index.js";

/**
 * The slides of the workspace that a dataset's patches were cut from, by the key of their names. Of slides with the same
 * name it is the one with the recorded bytes, and where that decides nothing the one that lies nearest to the dataset:
 * never two, as a dataset holds patches of one slide of a name.
 */
export async function slidesOfDataset(
  workspace: OpenWorkspace,
  dataset: IndexedDataset,
): Promise<ReadonlyMap<string, WorkspaceSlide>> {
  const chosen = new Map<string, WorkspaceSlide>();
  for (const [key, rivals] of grouped(workspace.slides, ({ stem }) => nameKey(stem))) {
    const slide = rivals.length === 1 ? rivals[0] : await likeliest(rivals, dataset, key);
    if (slide !== undefined) chosen.set(key, slide);
  }
  return chosen;
}

async function likeliest(
  rivals: readonly WorkspaceSlide[],
  { directory, slideBytes }: IndexedDataset,
  key: string,
): Promise<WorkspaceSlide | undefined> {
  const recorded = slideBytes.get(key);
  const sizes = await Promise.all(rivals.map(({ path }) => bytesOf(path)));
  const same = rivals.filter((_, index) => recorded !== undefined && sizes[index] === recorded);
  const candidates = same.length > 0 ? same : rivals;
  const [nearest] = candidates.toSorted(
    (one, other) => nearness(other.path, directory.root) - nearness(one.path, directory.root),
  );
  return nearest;
}
