import type { PatchEntry } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { PatchPicture } from "./patch-picture.js";

interface PatchCardProps {
  readonly dataset: string;
  readonly patch: PatchEntry;
  readonly run: string | null;
  onOpen(): void;
}

/** One patch of the gallery, with the newest mask of the run or the ground truth. */
export function PatchCard({ dataset, patch, run, onOpen }: PatchCardProps) {
  const newest = patch.masks.at(-1);
  const mask =
    run !== null && newest !== undefined
      ? paths.stageMask(run, patch.patch, newest)
      : patch.hasMask && run === null
        ? paths.patchMask(dataset, patch.patch)
        : null;
  const words = patchWords(patch);
  return (
    <button type="button" class="patch-card" onClick={onOpen}>
      <PatchPicture
        image={paths.patchImage(dataset, patch.patch)}
        mask={mask}
        kind={run === null ? "ground-truth" : "tumour-mask"}
        alt={patch.patch}
      />
      <span class="patch-words">
        {words.map((word) => (
          <span key={word}>{word}</span>
        ))}
      </span>
    </button>
  );
}

const SPLITS = { train: "training", val: "validation", test: "test" } as const;

/** What is known of a patch, in short. */
export function patchWords({ label, tumourFraction, split, idsScore, disagreement }: PatchEntry): string[] {
  const fraction = label === 1 && tumourFraction !== null ? ` ${Math.round(tumourFraction * 100)} %` : "";
  return [
    `${label === 1 ? "tumour" : "normal"}${fraction}`,
    SPLITS[split],
    ...(idsScore === null ? [] : [`IDS ${idsScore.toFixed(2)}`]),
    ...(disagreement === null ? [] : [`differs ${Math.round(disagreement * 100)} %`]),
  ];
}
