/** Where a browser keeps something: for good, or for as long as the tab is open. */
export type StorageKind = "localStorage" | "sessionStorage";

/** What was kept; null when nothing was, or where the browser may not keep anything. */
export function readStored(kind: StorageKind, key: string): string | null {
  try {
    return globalThis[kind].getItem(key);
  } catch (cause) {
    if (cause instanceof DOMException) return null;
    throw cause;
  }
}

/** Keeps a text, or forgets it. Where the browser may not keep anything, the page works without. */
export function writeStored(kind: StorageKind, key: string, value: string | null): void {
  try {
    if (value === null) globalThis[kind].removeItem(key);
    else globalThis[kind].setItem(key, value);
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw cause;
  }
}
