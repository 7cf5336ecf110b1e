/** Things by what a key says of each, in their order. */
export function grouped<Key, Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => Key,
): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [item]);
    else members.push(item);
  }
  return groups;
}

/** The first thing whose key an earlier one has, after that one; null where all keys differ. */
export function firstRepeated<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
): readonly [earlier: Item, again: Item] | null {
  const seen = new Map<string, Item>();
  for (const item of items) {
    const key = keyOf(item);
    const earlier = seen.get(key);
    if (earlier !== undefined) return [earlier, item];
    seen.set(key, item);
  }
  return null;
}
