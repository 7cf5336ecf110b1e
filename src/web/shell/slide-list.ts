import { computed, type ReadonlySignal } from "@preact/signals";
import * as z from "zod/mini";
import { grouped } from "../../common/portable.js";
import type { SlideEntry } from "../../contract/index.js";
import { keptSignal } from "../interface/index.js";
import { workspace } from "../state/workspace.js";

/** What slides can be told apart by. */
export const slideTraits = ["annotated", "reviewed", "results"] as const;
export type SlideTrait = (typeof slideTraits)[number];

const choice = z.enum(["any", "yes", "no"]);
export const slideOrders = ["given", "name", "largest", "annotations"] as const;
export const slideGroups = ["none", "kind", ...slideTraits] as const;

const querySchema = z.object({
  name: z.string(),
  /** The format; empty for any. */
  kind: z.string(),
  annotated: choice,
  reviewed: choice,
  results: choice,
  order: z.enum(slideOrders),
  group: z.enum(slideGroups),
});
/** Which slides are listed, and how. */
export type SlideQuery = Readonly<z.infer<typeof querySchema>>;

export const allSlides: SlideQuery = {
  ...{ name: "", kind: "", annotated: "any", reviewed: "any", results: "any" },
  ...{ order: "given", group: "none" },
};

/** Which slides are listed, in the sidebar and on the first page alike; this tab keeps it over a reload. */
export const slideQuery = keptSignal("slides", querySchema, allSlides);

export interface SlideGroup {
  /** Empty where nothing is grouped. */
  readonly title: string;
  readonly slides: readonly SlideEntry[];
}

/** The slides that are listed, in their groups. */
export const listedSlides: ReadonlySignal<readonly SlideGroup[]> = computed(() =>
  workspace.value.state === "ready" ? groupSlides(workspace.value.value.slides, slideQuery.value) : [],
);

/** Whether anything is left out. */
export function isFiltered({ name, kind, annotated, reviewed, results }: SlideQuery): boolean {
  return name.trim() !== "" || kind !== "" || [annotated, reviewed, results].some((trait) => trait !== "any");
}

/** Whether a slide has a trait; reviewed is one whose annotations, saved here, have all been judged. */
export function hasTrait(slide: SlideEntry, trait: SlideTrait): boolean {
  const { annotationCount, unreviewedCount, annotationFile, segmented } = slide;
  if (trait === "annotated") return annotationCount > 0 || annotationFile;
  return trait === "reviewed" ? annotationCount > 0 && unreviewedCount === 0 : segmented;
}

/** What the formats of slides are called; those that cannot be opened have none. */
export function kindOf({ format }: SlideEntry): string {
  return format ?? "cannot be opened";
}

export function groupSlides(slides: readonly SlideEntry[], query: SlideQuery): SlideGroup[] {
  const { order, group } = query;
  const listed = sorted(
    slides.filter((slide) => isWanted(slide, query)),
    order,
  );
  if (group === "none") return [{ title: "", slides: listed }];
  const titleOf = (slide: SlideEntry) =>
    group === "kind" ? kindOf(slide) : TRAIT_TITLES[group][hasTrait(slide, group) ? 0 : 1];
  return [...grouped(listed, titleOf)]
    .map(([title, members]) => ({ title, slides: members }))
    .sort((one, other) => NAMES.compare(one.title, other.title));
}

/** With a trait, and without it. */
export const TRAIT_TITLES: Readonly<Record<SlideTrait, readonly [string, string]>> = {
  annotated: ["annotated", "not annotated"],
  reviewed: ["reviewed", "not reviewed"],
  results: ["has results", "no results"],
};

/** Numbers in names by their value: `slide 2` before `slide 10`. */
const NAMES = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function isWanted(slide: SlideEntry, query: SlideQuery): boolean {
  const words = query.name.trim().toLowerCase();
  return (
    slide.name.toLowerCase().includes(words) &&
    (query.kind === "" || kindOf(slide) === query.kind) &&
    slideTraits.every(
      (trait) => query[trait] === "any" || hasTrait(slide, trait) === (query[trait] === "yes"),
    )
  );
}

function sorted(slides: readonly SlideEntry[], order: SlideQuery["order"]): readonly SlideEntry[] {
  const pixels = ({ size }: SlideEntry) => (size === null ? 0 : size.width * size.height);
  switch (order) {
    case "given":
      return slides;
    case "name":
      return [...slides].sort((one, other) => NAMES.compare(one.name, other.name));
    case "largest":
      return [...slides].sort((one, other) => pixels(other) - pixels(one));
    case "annotations":
      return [...slides].sort((one, other) => other.annotationCount - one.annotationCount);
  }
}
