import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { type TestServer, testServer, writeGradientSlide } from "../support/test-server.js";
import { makeTinyRun } from "../support/tiny-run.js";

const directory = temporaryDirectory();
const SECRET = "nobody may read this";
let server: TestServer;
let pieces: readonly string[] = [];

beforeAll(async () => {
  const root = directory.path("given");
  await mkdir(join(root, "data", "train", "image"), { recursive: true });
  await writeFile(directory.path("secret.png"), SECRET);
  await writeFile(join(root, "notes.png.txt"), SECRET);
  await writeGradientSlide(join(root, "a.tif"), 300, 200);
  await symlink(directory.path("secret.png"), join(root, "data", "train", "image", "secret_1.png"));
  await makeTinyRun(join(root, "run"), { finished: [] });
  await mkdir(join(root, "run", "masks", "initial"), { recursive: true });
  await symlink(directory.path("secret.png"), join(root, "run", "masks", "initial", "secret.png"));
  await symlink(directory.path("secret.png"), join(root, "run", "report.html"));
  const page = directory.path("page");
  await mkdir(page);
  await writeFile(join(page, "index.html"), "page");
  server = await testServer({ inputs: [root], stateDirectory: directory.path("state"), pageDirectory: page });
  const { slides, datasets, runs } = server.context.workspace;
  const ids = [...slides, ...datasets, ...runs].map(({ id }) => id);
  pieces = [
    ...[
      "api",
      "slides",
      "datasets",
      "runs",
      "patches",
      "tiles",
      "layers",
      "masks",
      "image",
      "mask",
      "report",
    ],
    ...["thumbnail", "associated", "initial", "secret", "secret.png", "given", "notes.png.txt", "0", "1"],
    ...[
      "..",
      ".",
      "%2e%2e",
      "%2e%2e%2f",
      "..%2f",
      "..%5c",
      "%252e%252e%252f",
      "%00",
      "%c0%ae%c0%ae",
      "\\..\\",
      "",
    ],
    ...[
      encodeURIComponent(directory.path("secret.png")),
      directory.path("secret.png").slice(1),
      "etc",
      "passwd",
    ],
    ...ids,
  ];
}, 60_000);

afterAll(() => server.close());

/** A path that begins as a real one does and goes astray. */
function hostilePath(random: RandomStream): string {
  const { slides, datasets, runs } = server.context.workspace;
  const [slide, dataset, run] = [slides, datasets, runs].map(([entry]) => entry?.id ?? "");
  const beginnings = ["", "/api", `/api/slides/${slide}`, `/api/datasets/${dataset}`, `/api/runs/${run}`];
  const parts = Array.from(
    { length: 1 + random.integer(6) },
    () => pieces[random.integer(pieces.length)] ?? "",
  );
  return `${beginnings[random.integer(beginnings.length)]}/${parts.join("/")}`;
}

describe("paths made up to get out of what was given", () => {
  it("reach nothing outside of it, and no error that nobody expected", async () => {
    const random = new RandomStream(0, "hostile paths");
    const statuses = new Map<number, number>();
    for (let attempt = 0; attempt < 3000; attempt++) {
      const path = hostilePath(random);
      const answer = await server.request(`http://localhost${path}`);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const text = await answer.text();
      expect(text, path).not.toContain(SECRET);
      expect(answer.status, `${path}: ${text}`).toBeLessThan(500);
    }
    expect(statuses.get(404) ?? 0).toBeGreaterThan(1500);
    expect(server.warnings).toEqual([]);
  });

  it("through links inside of it are refused by name", async () => {
    const [dataset] = server.context.workspace.datasets;
    const [run] = server.context.workspace.runs;
    const refused = [`/api/datasets/${dataset?.id}/patches/secret/image`, `/api/runs/${run?.id}/report`];
    for (const path of refused) {
      const answer = await server.request(path);
      expect(answer.status).toBe(403);
      expect(await answer.text()).not.toContain(SECRET);
    }
  });
});
