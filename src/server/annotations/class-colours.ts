import { type AnnotationGroup, type ChosenClasses, groupKey } from "../../annotations/index.js";
import type { Colour } from "../../imaging/index.js";
import { shortText } from "./short-text.js";

/** Groups with the colours that were chosen for them, as files have them. */
export function groupsOf({ looks }: ChosenClasses): AnnotationGroup[] {
  return looks.flatMap(({ name, colour }) => {
    if (colour === undefined) return [];
    const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    return [{ name, colour: [red ?? 0, green ?? 0, blue ?? 0], parent: null }];
  });
}

/**
 * The colours that a file gives to classes which are new here. Those that have a meaning or a colour keep the page's own.
 * @param known names of classes that come with the program
 */
export function newColours(
  groups: readonly AnnotationGroup[],
  { meanings, looks }: ChosenClasses,
  known: readonly string[],
): ChosenClasses["looks"] {
  const taken = new Set([...known, ...[...meanings, ...looks].map(({ name }) => name)].map(groupKey));
  return groups.flatMap(({ name, colour }) => {
    const short = shortText(name).trim();
    if (colour === null || short === "" || taken.has(groupKey(short))) return [];
    taken.add(groupKey(short));
    return [{ name: short, colour: hexOf(colour) }];
  });
}

function hexOf(colour: Colour): string {
  return `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
