import { EpSamError } from "../common/index.js";
import { MEASUREMENT_CLASS, SQUARE_CLASSES } from "../contract/index.js";
import { annotationError } from "./errors.js";
import type { Annotation, AnnotationSet } from "./types.js";

/**
 * What the area of an annotation means: tumour; no tumour whatever else says so; nothing; that everything in it has
 * been looked at; that nobody has judged what it shows; or that nothing is to be learnt there whatever else says so.
 */
export type AnnotationRole = "tumour" | "exclusion" | "ignored" | "reviewed" | "unknown" | "left-out";

/** Group of outlines that a program has found and nobody has judged. */
export const UNREVIEWED_GROUP = "Unreviewed";

/** Group of outlines in which nothing is to be learnt. */
export const LEFT_OUT_GROUP = "Left out";

/** Names of groups or classifications by role, compared without case; `None` stands for annotations of no group. */
export type GroupRules = Readonly<Record<AnnotationRole, readonly string[]>>;

export const ROLES = [
  "tumour",
  "exclusion",
  "ignored",
  "reviewed",
  "unknown",
  "left-out",
] as const satisfies AnnotationRole[];

/**
 * The groups that are known unless told otherwise: Camelyon16 (`_0`, `_1` tumour, `_2` not), Camelyon17
 * (`metastases`, `normal`), ASAP's and QuPath's customary names; QuPath's regions are reviewed outlines.
 */
export const defaultGroupRules: GroupRules = {
  tumour: ["Tumor", "Tumour", "metastases", "metastasis", "malignant", "_0", "_1"],
  exclusion: ["Exclusion", "normal", "benign", "_2", "Ignore*"],
  // Squares that a model is taught with hold mostly, not only, what they are named after.
  ignored: [SQUARE_CLASSES.tumour, SQUARE_CLASSES.other, MEASUREMENT_CLASS],
  reviewed: ["Region*"],
  unknown: [UNREVIEWED_GROUP],
  "left-out": [LEFT_OUT_GROUP],
};

/** Finds the role of groups; what the user says goes before the defaults. */
export class GroupRoles {
  readonly #roles = new Map<string, AnnotationRole>();
  readonly #named = new Map<string, AnnotationRole>();
  readonly #names = new Map<string, string>();

  /** @throws EpSamError `usage` when a group is given two roles */
  constructor(rules: Partial<GroupRules> = {}) {
    for (const role of ROLES) {
      for (const name of defaultGroupRules[role]) {
        this.#roles.set(groupKey(name), role);
        this.#names.set(groupKey(name), name);
      }
      for (const name of rules[role] ?? []) this.#name(name, role);
    }
    for (const [key, role] of this.#named) this.#roles.set(key, role);
  }

  /**
   * The role of an annotation: that of its group, else of the nearest group which that is part of.
   * @throws EpSamError `annotation` for a group that nobody has given a role: what it means is never guessed
   */
  roleOf(annotation: Annotation, set: AnnotationSet): AnnotationRole {
    const role = this.knownRoleOf(annotation, set);
    if (role !== null) return role;
    throw unknownGroup(annotation, set);
  }

  /** As {@link roleOf}; null for a group that nobody has given a role. */
  knownRoleOf(annotation: Annotation, set: AnnotationSet): AnnotationRole | null {
    const parents = new Map(set.groups.map(({ name, parent }) => [name, parent]));
    const none = this.#roles.get(groupKey("None"));
    if (annotation.group === null && none !== undefined) return none;
    for (let at: string | null | undefined = annotation.group; at != null; at = parents.get(at)) {
      const role = this.#roles.get(groupKey(at));
      if (role !== undefined) return role;
    }
    return null;
  }

  /** What the groups that something is drawn in are taken as, and the groups that they are part of and have it from. */
  takenAs(set: AnnotationSet): Record<string, AnnotationRole> {
    const parents = new Map(set.groups.map(({ name, parent }) => [name, parent]));
    const taken = new Map<string, AnnotationRole>();
    for (const annotation of set.annotations) {
      const role = this.knownRoleOf(annotation, set);
      if (role === null) continue;
      for (let at: string | null | undefined = annotation.group ?? "None"; at != null; at = parents.get(at)) {
        taken.set(at, role);
        if (this.#roles.has(groupKey(at))) break;
      }
    }
    return Object.fromEntries([...taken].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  /** Every group that has a role, with it, in the words of whoever said so. */
  get named(): readonly { readonly name: string; readonly role: AnnotationRole }[] {
    return [...this.#roles].map(([key, role]) => ({ name: this.#names.get(key) ?? key, role }));
  }

  #name(name: string, role: AnnotationRole): void {
    const other = this.#named.get(groupKey(name)) ?? role;
    this.#named.set(groupKey(name), role);
    this.#names.set(groupKey(name), name);
    if (other === role) return;
    throw new EpSamError("usage", {
      where: `group "${name}"`,
      what: `is said to be both ${other} and ${role}`,
      action: "Give it one role.",
    });
  }
}

/** Case and the ways to write an accent do not tell groups apart. */
export function groupKey(name: string): string {
  return name.trim().normalize("NFC").toLowerCase();
}

export function isMeasurement(group: string | null): boolean {
  return group !== null && groupKey(group) === groupKey(MEASUREMENT_CLASS);
}

function unknownGroup(annotation: Annotation, set: AnnotationSet): EpSamError {
  const { name, group } = annotation;
  const shown = group ?? "None";
  const what =
    group === null
      ? `has the annotation "${name}" in no group`
      : `has the annotation "${name}" in the unknown group "${group}"`;
  return annotationError(set.path, what, {
    why: "nothing tells whether it is tumour",
    action: `Say what it means: \`groups.tumour: "${shown}"\`, \`groups.exclusion: "${shown}"\` or \`groups.ignored: "${shown}"\`.`,
  });
}
