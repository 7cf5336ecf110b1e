import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { GroupRules } from "../annotations/index.js";

/** What the user says groups of annotations mean, as the command line names it. */
export interface GroupOptions {
  readonly tumourGroups?: readonly string[] | undefined;
  readonly exclusionGroups?: readonly string[] | undefined;
  readonly ignoreGroups?: readonly string[] | undefined;
}

/** Their names. */
export const GROUP_OPTIONS = [
  "tumourGroups",
  "exclusionGroups",
  "ignoreGroups",
] as const satisfies readonly (keyof GroupOptions)[];

export function tumourGroupsOption() {
  return groupsOption("--tumour-groups <names>", "slides: groups of annotations that are tumour, too");
}

export function exclusionGroupsOption() {
  return groupsOption("--exclusion-groups <names>", "slides: groups that are no tumour, whatever others say");
}

export function ignoreGroupsOption() {
  return groupsOption("--ignore-groups <names>", "slides: groups that mean nothing");
}

function groupsOption<const Flags extends string>(flags: Flags, description: string) {
  return new Option(flags, description).argParser(groupNames);
}

/** The rules that the options make. */
export function groupRules(options: GroupOptions): Partial<GroupRules> {
  const { tumourGroups, exclusionGroups, ignoreGroups } = options;
  return {
    ...(tumourGroups === undefined ? {} : { tumour: tumourGroups }),
    ...(exclusionGroups === undefined ? {} : { exclusion: exclusionGroups }),
    ...(ignoreGroups === undefined ? {} : { ignored: ignoreGroups }),
  };
}

/** `a,b`: names of groups; a comma that is part of a name has a backslash before it. */
function groupNames(text: string): readonly string[] {
  const names = text.split(/(?<!\\),/).map((name) => name.replaceAll("\\,", ",").trim());
  if (names.every((name) => name !== "")) return names;
  throw new InvalidArgumentError('Give names of groups separated by commas, such as "Tumor,Invasive".');
}
