import { type PatchEntry, stageTitle } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { Dialog } from "../interface/index.js";
import { formatRoute, slideRoute } from "../routing/hash-link.js";
import { workspace } from "../state/workspace.js";
import { patchWords } from "./patch-card.js";
import { PatchPicture } from "./patch-picture.js";

interface PatchDialogProps {
  readonly dataset: string;
  readonly patch: PatchEntry;
  readonly run: string | null;
  onClose(): void;
}

/** A patch enlarged: as it is, with the ground truth, and with the masks of every stage of the run. */
export function PatchDialog({ dataset, patch, run, onClose }: PatchDialogProps) {
  const image = paths.patchImage(dataset, patch.patch);
  const link = slideLink(dataset, patch);
  return (
    <Dialog title={patch.patch} wide onClose={onClose}>
      <p>
        {patchWords(patch).join(" · ")} · {patch.slideName}
        {patch.x === null || patch.y === null ? "" : ` at ${patch.x}, ${patch.y}`}
      </p>
      {link === null ? null : (
        <p>
          <a class="button main" href={link}>
            Open on the slide
          </a>
        </p>
      )}
      <div class="stages">
        <Picture title="Patch" image={image} mask={null} />
        {patch.hasMask ? (
          <Picture title="Ground truth" image={image} mask={paths.patchMask(dataset, patch.patch)} isTruth />
        ) : null}
        {run === null
          ? null
          : patch.masks.map((stage) => (
              <Picture
                key={stage}
                title={stageTitle(stage)}
                image={image}
                mask={paths.stageMask(run, patch.patch, stage)}
              />
            ))}
      </div>
    </Dialog>
  );
}

interface PictureProps {
  readonly title: string;
  readonly image: string;
  readonly mask: string | null;
  readonly isTruth?: boolean;
}

function Picture({ title, image, mask, isTruth = false }: PictureProps) {
  return (
    <figure>
      <PatchPicture
        image={image}
        mask={mask}
        kind={isTruth ? "ground-truth" : "tumour-mask"}
        map="tint-outline"
        alt={mask === null ? "The patch" : `The patch with the mask: ${title}`}
      />
      <figcaption>{title}</figcaption>
    </figure>
  );
}

/** The slide with this patch in the middle, outlined; null when the slide or the place is not known. */
function slideLink(dataset: string, { slide, x, y }: PatchEntry): string | null {
  if (slide === null || x === null || y === null) return null;
  const entry =
    workspace.value.state === "ready"
      ? workspace.value.value.datasets.find(({ id }) => id === dataset)
      : undefined;
  const half = (entry?.patchSize ?? 512) / 2;
  return formatRoute({
    ...slideRoute(slide),
    view: { centre: [x + half, y + half], zoom: 1, rotation: 0 },
    grid: dataset,
  });
}
