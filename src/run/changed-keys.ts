type Section = Readonly<Record<string, unknown>>;

/** Keys of a section that defaults are known for and whose value is another. */
export function changedKeys(section: Section, defaults: Section): string[] {
  return Object.entries(section)
    .filter(([key, value]) => key in defaults && JSON.stringify(defaults[key]) !== JSON.stringify(value))
    .map(([key]) => key);
}

/** A section without the keys that have their default, so that runs from before them keep their hash. */
export function withoutDefaults(section: Section, defaults: Section): Section {
  const changed = new Set(changedKeys(section, defaults));
  return Object.fromEntries(
    Object.entries(section).filter(([key]) => changed.has(key) || !(key in defaults)),
  );
}
