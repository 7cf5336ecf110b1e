import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exists, messageOf } from "../../common/index.js";
import { addInput } from "../workspace/recognise.js";
import type { OpenWorkspace } from "../workspace/workspace.js";

/** Where a state directory keeps what was dropped on the page: a folder for each drop. */
export function receivedFolder(stateDirectory: string): string {
  return join(stateDirectory, "received");
}

/** Adds what was taken in, which is known to be what it is; its annotation files too. */
export async function addReceived(workspace: OpenWorkspace, folder: string): Promise<void> {
  await addInput(workspace, folder, {
    warn: () => undefined,
    foundAnnotations: (files) => {
      for (const file of files) workspace.addAnnotationFolder(dirname(file));
    },
  });
}

/** Adds what earlier servers on the state directory have taken in. */
export async function addAllReceived(
  workspace: OpenWorkspace,
  stateDirectory: string,
  warn: (message: string) => void,
): Promise<void> {
  const folder = receivedFolder(stateDirectory);
  if (!(await exists(folder))) return;
  for (const name of (await readdir(folder)).filter((entry) => !entry.startsWith("."))) {
    await addReceived(workspace, join(folder, name)).catch((failure: unknown) => warn(messageOf(failure)));
  }
}
