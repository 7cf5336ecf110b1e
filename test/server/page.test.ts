import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { staticRoutes } from "../../src/server/static-routes.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { type TestServer, testServer } from "../support/test-server.js";

const directory = temporaryDirectory();
let server: TestServer;

beforeAll(async () => {
  const page = directory.path("page");
  await mkdir(join(page, "parts"), { recursive: true });
  await writeFile(join(page, "index.html"), "<!doctype html><title>page</title>");
  await writeFile(join(page, "app.js"), "export {};");
  await writeFile(join(page, "app.js.map"), "{}");
  await writeFile(join(page, "parts", "engine.wasm"), new Uint8Array(8));
  await writeFile(directory.path("secret.json"), "{}");
  await symlink(directory.path("secret.json"), join(page, "linked.json"));
  server = await testServer({ inputs: [], stateDirectory: directory.path("state"), pageDirectory: page });
}, 60_000);

describe("the page's files", () => {
  it.each([
    ["/", "text/html; charset=utf-8"],
    ["/app.js", "text/javascript; charset=utf-8"],
    ["/parts/engine.wasm", "application/wasm"],
  ])("%s is served as %s", async (path, type) => {
    const answer = await server.request(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toBe(type);
    const tag = answer.headers.get("ETag") ?? "";
    expect((await server.request(path, { headers: { "If-None-Match": tag } })).status).toBe(304);
  });

  it.each([
    "/app.js.map",
    "/../secret.json",
    "/%2e%2e/secret.json",
    "/%2e%2e%2fsecret.json",
    "/parts/..%2f..%2fsecret.json",
    "/parts/%252e%252e/secret.json",
    "//secret.json",
    "/linked.json",
    "/index.html%00.js",
  ])("%s is not", async (path) => {
    const answer = await server.request(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ problem: { tag: "not-found" } });
  });

  it("are missed with a word on how to build them", async () => {
    const answer = await testServer({
      inputs: [],
      stateDirectory: directory.path("state"),
      pageDirectory: directory.path("nowhere"),
    }).then((empty) => empty.request("/"));
    expect(await answer.json()).toMatchObject({
      problem: { action: expect.stringContaining("npm run build") },
    });
  });

  it("leave addresses of the interface alone", async () => {
    expect((await staticRoutes(directory.path("page")).request("/api/anything")).status).toBe(404);
  });
});

describe("headers", () => {
  it("hold the page to this server: no inline script, no eval, nothing external, no frames around it", async () => {
    const policy = (await server.request("/")).headers.get("Content-Security-Policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/'unsafe-inline'|'unsafe-eval'|https?:|\*/);
  });

  it.each(["/", "/app.js", "/api/workspace", "/api/nothing", "/api/slides/x"])(
    "%s isolates the page and is never guessed at",
    async (path) => {
      const { headers } = await server.request(path);
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Referrer-Policy")).toBe("no-referrer");
      expect(headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin");
      expect(headers.get("Cross-Origin-Embedder-Policy")).toBe("require-corp");
      expect(headers.get("Cross-Origin-Resource-Policy")).toBe("same-origin");
      expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    },
  );
});
