/** Absolute paths in a text, cut down to their last part: those in quotes as the system writes them, and others. */
export function withoutFolders(text: string): string {
  return text
    .replace(/(['"`])(?:[A-Za-z]:)?[\\/][^'"`]*[\\/]([^'"`\\/]+)\1/g, "$1$2$1")
    .replace(/(?<![\w./<])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:;,"'`()]+)+[\\/]([^\s\\/:;,"'`()]+)/g, "$1");
}
