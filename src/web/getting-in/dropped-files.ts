/** A file that somebody brings in, and where it lies in what they chose. */
export interface ChosenFile {
  /** Its name; with its folders before it where a folder was chosen. */
  readonly path: string;
  readonly file: File;
}

/** Whether something that is dragged over the page are files, not a link or a picture of the page itself. */
export function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") ?? false;
}

/**
 * The files of a drop, those of folders included. What is hidden, as `.DS_Store`, is left out.
 * @throws Error of the browser for a file that it cannot read
 */
export async function droppedFiles(transfer: DataTransfer): Promise<ChosenFile[]> {
  // The list is empty as soon as something else happens: everything is taken out of it first.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? item.getAsFile() ?? []);
  const found = await Promise.all(
    entries.map((entry) =>
      entry instanceof File ? [{ path: entry.name, file: entry }] : filesOf(entry, ""),
    ),
  );
  return found.flat();
}

/** The files of a field for files or folders. */
export function fieldFiles(files: FileList | null): ChosenFile[] {
  return [...(files ?? [])]
    .map((file) => ({ path: file.webkitRelativePath === "" ? file.name : file.webkitRelativePath, file }))
    .filter(({ path }) => path.split("/").every((part) => !part.startsWith(".")));
}

async function filesOf(entry: FileSystemEntry, folder: string): Promise<ChosenFile[]> {
  if (entry.name.startsWith(".")) return [];
  const path = `${folder}${entry.name}`;
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ path, file }];
  }
  if (!isDirectory(entry)) return [];
  const found: ChosenFile[] = [];
  for (const inner of await entriesOf(entry)) found.push(...(await filesOf(inner, `${path}/`)));
  return found;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** A reader gives a hundred entries at a time. */
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return all;
    all.push(...some);
  }
}
