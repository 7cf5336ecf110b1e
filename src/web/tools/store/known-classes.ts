import { signal } from "@preact/signals";
import { type ClassEntry, REVIEWED_CLASS } from "../../../contract/index.js";

/**
 * Classes of which the server knows anything: those of the customary programs, those that were made here, and those that
 * an imported file gave a colour. Whatever asks the server for them sets it.
 */
export const knownClasses = signal<readonly ClassEntry[]>([]);

/** Keys of the usual classes until somebody chooses others. */
const USUAL_KEYS: Readonly<Record<string, number>> = { Tumor: 1, Exclusion: 2, [REVIEWED_CLASS]: 3 };

/** The class of that name, whatever its case. */
export function knownClass(name: string): ClassEntry | undefined {
  return knownClasses.value.find((one) => nameKey(one.name) === nameKey(name));
}

/** Whether it is known what a class means to training. */
export function isMeant(name: string): boolean {
  return (knownClass(name)?.meaning ?? null) !== null;
}

/** The known classes after one was chosen something of: a key that another class had is that one's now. */
export function withEntry(known: readonly ClassEntry[], entry: ClassEntry): readonly ClassEntry[] {
  const isNamed = ({ name }: ClassEntry) => nameKey(name) === nameKey(entry.name);
  const isRobbed = ({ key }: ClassEntry) => entry.key != null && key === entry.key;
  const others = known.map((one) => (isNamed(one) ? entry : isRobbed(one) ? { ...one, key: null } : one));
  return known.some(isNamed) ? others : [...others, entry];
}

/** The key that chooses a class: the chosen one, else the usual one where no other class has it; null for none. */
export function keyOfClass(name: string): number | null {
  const chosen = knownClass(name)?.key;
  if (chosen !== undefined) return chosen;
  const usual = USUAL_KEYS[name] ?? null;
  return knownClasses.value.some(({ key }) => key === usual) ? null : usual;
}

/** The classes that keys choose, by key. */
export function classesByKey(): ReadonlyMap<number, string> {
  const names = new Set([...Object.keys(USUAL_KEYS), ...knownClasses.value.map(({ name }) => name)]);
  const keyed = [...names].flatMap((name) => {
    const key = keyOfClass(name);
    return key === null ? [] : [[key, name] as const];
  });
  return new Map(keyed.sort(([one], [other]) => one - other));
}

/** Classes of one name but for case and accents are the same. */
export function nameKey(name: string): string {
  return name.trim().normalize("NFC").toLowerCase();
}
