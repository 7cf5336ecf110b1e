import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import type { AnnotationObject, AnnotationSave, AnnotationState } from "../../src/contract/index.js";
import { applySave } from "../../src/web/tools/store/apply-changes.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { objectOf } from "./annotation-fixtures.js";

const files = temporaryDirectory();
const ROUNDS = 3;
/** Small enough that journals are compacted again and again, so that kills fall there too. */
const COMPACT_BYTES = 1500;

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(stateDirectory: string): Promise<Server> {
  const root = join(import.meta.dirname, "..", "..");
  const script = join(root, "test", "support", "annotation-server.ts");
  const args = ["--import", "tsx", script, stateDirectory, String(COMPACT_BYTES)];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, "line");
  const { port, slide }: { port: number; slide: string } = JSON.parse(line);
  return { child, url: `http://127.0.0.1:${port}/api/slides/${slide}/annotations` };
}

async function stateOf(url: string): Promise<AnnotationState> {
  const body: unknown = await (await fetch(url)).json();
  return body as AnnotationState;
}

/** What the client was told, and what it may have asked for when the server died. */
class Client {
  acknowledged: AnnotationState = { revision: 0, objects: [], undo: null, redo: null };
  asked = 0;

  /** Draws, changes, undoes and redoes until the server is gone; calls `kill` after so many edits. */
  async work(url: string, stream: RandomStream, edits: number, kill: () => void): Promise<void> {
    for (let done = 0; ; done++) {
      // Anywhere within the edits that follow.
      if (done === edits) setTimeout(kill, stream.uniform(0, 30));
      const { revision, objects, undo, redo } = this.acknowledged;
      const kind = stream.integer(5);
      let path = "";
      let body: object = { revision };
      if (kind === 0 && undo !== null) path = "/undo";
      else if (kind === 1 && redo !== null) path = "/redo";
      else {
        const object = objects[stream.integer(objects.length + 1)];
        const change =
          object === undefined
            ? { type: "add", object: objectOf(++this.asked) }
            : { type: "update", object: { ...object, name: `change on ${revision}` } };
        body = { revision, title: "edit", changes: [change] };
      }
      const request = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      try {
        const answer = await fetch(url + path, request);
        if (answer.status !== 200) throw new Error(await answer.text());
        const save: unknown = await answer.json();
        this.acknowledged = stateAfter(this.acknowledged, save as AnnotationSave);
      } catch (failure) {
        if (failure instanceof TypeError) return;
        throw failure;
      }
    }
  }
}

/** What the page makes of a save. */
function stateAfter({ objects }: AnnotationState, save: AnnotationSave): AnnotationState {
  const before = new Map(objects.map((object): [string, AnnotationObject] => [object.id, object]));
  const { revision, undo, redo } = save;
  return { revision, objects: [...applySave(before, save).values()], undo, redo };
}

describe("a server that is killed between edits", () => {
  it("has every edit that it acknowledged when it starts again", async () => {
    const stateDirectory = await files.folder();
    const client = new Client();
    for (let round = 0; round < ROUNDS; round++) {
      const stream = new RandomStream(round, "killed server");
      const { child, url } = await start(stateDirectory);
      const state = await stateOf(url);
      // The one edit under way may have been saved without being acknowledged, no other.
      expect(state.revision - client.acknowledged.revision).toBeOneOf([0, 1]);
      if (state.revision === client.acknowledged.revision) expect(state).toEqual(client.acknowledged);
      client.acknowledged = state;
      const gone = once(child, "exit");
      await client.work(url, stream, 5 + stream.integer(15), () => child.kill("SIGKILL"));
      await gone;
    }
    expect(client.acknowledged.revision).toBeGreaterThan(5 * (ROUNDS - 1));
  }, 300_000);
});
