import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isEpSamError, type Reporter, silentReporter } from "../../src/common/index.js";
import {
  type CatalogueEntry,
  catalogue,
  catalogueEntry,
  pullModel,
  storedModel,
} from "../../src/models/index.js";

/** Longer than one chunk of the connection, and different everywhere. */
const content = Buffer.from(Uint32Array.from({ length: 60_000 }, (_, index) => index * 2654435761).buffer);
const sha256 = createHash("sha256").update(content).digest("hex");
const patience = { attempts: 4, pause: 1, silence: 2000 };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The server's behaviour, by path; a test sets what it needs. */
const handlers = new Map<string, Handler>();
const requests: string[] = [];
let server: Server;
let origin = "";
let directory = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? "whole"}`);
    const handler = handlers.get(request.url ?? "");
    if (handler === undefined) response.writeHead(404).end();
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  origin = `http://127.0.0.1:${address.port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "catalogue-"));
  handlers.clear();
  breaking = undefined;
  requests.length = 0;
});
afterEach(() => rm(directory, { recursive: true }));

function entry(changes: Partial<CatalogueEntry> = {}): CatalogueEntry {
  return {
    name: "made-up",
    title: "Made up",
    file: "made-up.pth",
    bytes: content.length,
    sha256,
    hashSource: null,
    sources: [`${origin}/file`],
    licence: "MIT",
    home: origin,
    ...changes,
  };
}

const startOfRange = (request: IncomingMessage) =>
  Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);

/** The line that breaks once the client has written so many bytes: a reset takes along what is under way. */
let breaking: { readonly at: number; readonly line: ServerResponse } | undefined;

/** A reporter for {@link serve}'s broken lines. */
function breakingReporter(warn: (message: string) => void = () => undefined): Reporter {
  const progress = ({ done }: { readonly done: number }): void => {
    if (breaking !== undefined && done >= breaking.at) breaking.line.destroy();
  };
  return { ...silentReporter, progress, warn };
}

/** Sends `bytes` as servers that know ranges do, at most `most` of them before the line breaks. */
function serve(bytes: Buffer = content, most = Number.POSITIVE_INFINITY): Handler {
  return (request, response) => {
    const start = startOfRange(request);
    const rest = bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      "Content-Length": rest.length,
      ...(start > 0 ? { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    if (rest.length <= most) response.end(rest);
    else {
      breaking = { at: start + most, line: response };
      response.write(rest.subarray(0, most));
    }
  };
}

async function pull(of: CatalogueEntry = entry(), reporter: Reporter = breakingReporter()) {
  return pullModel(of, { directory, patience, reporter });
}

async function refusal(action: Promise<unknown>): Promise<string> {
  const thrown: unknown = await action.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (isEpSamError(thrown)) return `[${thrown.tag}] ${thrown.message}`;
  throw new Error(`no complaint: ${String(thrown)}`);
}

/** An address where nobody listens any more. */
async function closedPort(): Promise<string> {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const address = gone.address();
  await new Promise((resolve) => gone.close(resolve));
  if (address === null || typeof address === "string") throw new Error("the server had no port");
  return `http://127.0.0.1:${address.port}`;
}

const landed = () => readFile(join(directory, "made-up.pth"));

describe("a download", () => {
  it("lands whole under its name, with a record, and is not fetched again", async () => {
    handlers.set("/file", serve());
    expect(await pull()).toEqual({
      path: join(directory, "made-up.pth"),
      sha256,
      wasThere: false,
      isFirstHash: false,
    });
    expect((await landed()).equals(content)).toBe(true);
    expect((await readdir(directory)).sort()).toEqual(["made-up.pth", "made-up.pth.json"]);
    expect(await storedModel(entry(), directory)).toMatchObject({ state: "checked", sha256 });
    expect((await pull()).wasThere).toBe(true);
    expect(requests).toEqual(["/file whole"]);
  });

  it("goes on where the line broke", async () => {
    handlers.set("/file", serve(content, 30_000));
    expect((await pull()).sha256).toBe(sha256);
    expect(requests.length).toBeGreaterThan(1);
    expect(requests.slice(1).every((request) => /^\/file bytes=[1-9]\d*-$/.test(request))).toBe(true);
  });

  it("goes on in a later call after the line stayed broken", async () => {
    let calls = 0;
    handlers.set("/file", (request, response) => {
      if (++calls === 1) serve(content, 20_000)(request, response);
      else response.destroy();
    });
    expect(await refusal(pull())).toContain("cannot be downloaded");
    expect(await storedModel(entry(), directory)).toMatchObject({ state: "partial" });
    expect((await readdir(directory)).includes("made-up.pth")).toBe(false);
    const broken = requests.length;
    handlers.set("/file", serve());
    await pull();
    expect(requests[broken]).toMatch(/bytes=[1-9]\d*-/);
    expect((await landed()).equals(content)).toBe(true);
  });

  it("begins again when the server ignores ranges, or gives another", async () => {
    let calls = 0;
    handlers.set("/file", (request, response) => {
      calls++;
      if (calls === 1) serve(content, 50_000)(request, response);
      else if (calls === 2) {
        response.writeHead(206, { "Content-Range": "bytes 7-9/10" }).end("abc");
      } else if (calls === 3) serve(content, 50_000)(request, response);
      else response.writeHead(200, { "Content-Length": content.length }).end(content);
    });
    await pull();
    expect((await landed()).equals(content)).toBe(true);
    expect(calls).toBe(4);
  });

  it("begins again when the server knows of no such range", async () => {
    await writeFile(join(directory, "made-up.pth.part"), content.subarray(0, 10));
    handlers.set("/file", (request, response) => {
      if (request.headers.range !== undefined) response.writeHead(416).end();
      else serve()(request, response);
    });
    await pull();
    expect((await landed()).equals(content)).toBe(true);
  });

  it("follows redirects, and ends in a circle of them", async () => {
    const redirect =
      (to: string): Handler =>
      (_request, response) =>
        response.writeHead(302, { Location: to }).end();
    handlers.set("/file", redirect("/elsewhere"));
    handlers.set("/elsewhere", serve(content, 150_000));
    await pull();
    expect((await landed()).equals(content)).toBe(true);
    handlers.set("/file", redirect("/back"));
    handlers.set("/back", redirect("/file"));
    await rm(join(directory, "made-up.pth"));
    expect(await refusal(pull())).toMatch(/redirect/);
  });

  it("waits for a server that is busy, but not for one that refuses", async () => {
    let calls = 0;
    handlers.set("/file", (request, response) => {
      if (++calls < 3) response.writeHead(503).end();
      else serve()(request, response);
    });
    await pull();
    requests.length = 0;
    expect(await refusal(pull(entry({ file: "other.pth", sources: [`${origin}/absent`] })))).toContain("404");
    expect(requests).toEqual(["/absent whole"]);
  });

  it("breaks off a connection that has gone silent", async () => {
    handlers.set("/file", (_request, response) => {
      response.writeHead(200, { "Content-Length": content.length });
      response.write(content.subarray(0, 10));
    });
    const hasty = { attempts: 2, pause: 1, silence: 50 };
    expect(await refusal(pullModel(entry(), { directory, patience: hasty }))).toMatch(/no byte came/);
  });

  it("stops at once when it is told to, and keeps its part", async () => {
    const controller = new AbortController();
    handlers.set("/file", serve(content, 200_000));
    const reporter = { ...silentReporter, progress: () => controller.abort(new Error("stop")) };
    const { signal } = controller;
    await expect(pullModel(entry(), { directory, patience, reporter, signal })).rejects.toThrow("stop");
    expect(await storedModel(entry(), directory)).toMatchObject({ state: "partial" });
  });
});

describe("a file that is not what was published", () => {
  it("never appears under its name, and the next source is tried", async () => {
    const corrupt = Buffer.from(content);
    corrupt[77_777] = (corrupt[77_777] ?? 0) ^ 1;
    handlers.set("/file", serve(corrupt));
    handlers.set("/mirror", serve());
    const warnings: string[] = [];
    const reporter = breakingReporter((message) => warnings.push(message));
    const message = await refusal(pull(entry(), reporter));
    expect(message).toContain("[weights] made-up cannot be downloaded");
    expect(message).toContain(`not ${sha256}`);
    expect(await readdir(directory)).toEqual([]);
    await pull(entry({ sources: [`${origin}/file`, `${origin}/mirror`] }), reporter);
    expect((await landed()).equals(content)).toBe(true);
    expect(warnings.at(-1)).toContain("gave another file than was published");
  });

  it("is broken off when it is too long, and a web page is not taken for it", async () => {
    handlers.set("/file", serve(Buffer.concat([content, content])));
    expect(await refusal(pull())).toContain(`more than the ${content.length} bytes`);
    handlers.set("/file", (_request, response) =>
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end("<html>log in</html>"),
    );
    expect(await refusal(pull())).toContain("answered with a web page");
  });

  it("is refused when it was put there by hand or damaged since", async () => {
    await writeFile(join(directory, "made-up.pth"), "something else");
    expect(await storedModel(entry(), directory)).toMatchObject({ state: "unchecked" });
    const message = await refusal(pull());
    expect(message).toContain("is not the published made-up.pth");
    expect(message).toContain("Delete it and run `epsam models pull made-up` again.");
    expect(requests).toEqual([]);
  });
});

describe("without a network", () => {
  it("says which file to put where, and takes it then", async () => {
    const closed = await closedPort();
    const unreachable = entry({ sources: [`${closed}/made-up.pth`] });
    // Waiting would not help, so this must not take as long as the patience allows.
    const patient = { attempts: 3, pause: 60_000, silence: 2000 };
    const message = await refusal(pullModel(unreachable, { directory, patience: patient }));
    expect(message).toContain(`fetch ${closed}/made-up.pth elsewhere`);
    expect(message).toContain(`${content.length} bytes, SHA-256 ${sha256}`);
    expect(message).toContain(`save it as ${join(directory, "made-up.pth")}`);
    await writeFile(join(directory, "made-up.pth"), content);
    expect(await pull(unreachable)).toMatchObject({ wasThere: true, sha256 });
    expect(await storedModel(entry(), directory)).toMatchObject({ state: "checked" });
  });

  it("says when the directory cannot be written", async () => {
    await writeFile(join(directory, "file"), "");
    const below = join(directory, "file", "models");
    expect(await refusal(pullModel(entry(), { directory: below, patience }))).toContain("[storage]");
  });
});

describe("a file whose hash is published nowhere", () => {
  it("is recorded the first time and compared from then on", async () => {
    const unpublished = entry({ sha256: null });
    handlers.set("/file", serve());
    expect(await pull(unpublished)).toMatchObject({ sha256, isFirstHash: true });
    expect(await pull(unpublished)).toMatchObject({ wasThere: true, isFirstHash: false });
    await rm(join(directory, "made-up.pth"));
    const other = Buffer.from(content);
    other[5] = 1;
    handlers.set("/file", serve(other));
    expect(await refusal(pull(unpublished))).toContain(`not ${sha256}`);
  });

  it("is recorded again once a damaged record is deleted", async () => {
    const unpublished = entry({ sha256: null });
    const record = join(directory, "made-up.pth.json");
    await writeFile(join(directory, "made-up.pth"), content);
    await writeFile(record, "{oops");
    expect(await refusal(pull(unpublished))).toContain(`${record}: is damaged`);
    await rm(record);
    expect(await pull(unpublished)).toMatchObject({ wasThere: true, isFirstHash: true });
  });
});

describe("the catalogue", () => {
  it("names everything that a user needs to fetch and check a file", () => {
    expect(catalogue.map(({ name }) => name)).toEqual([
      "sam-vit-b",
      "sam-vit-l",
      "sam-vit-h",
      "mobile-sam",
      "medsam",
      "resnet-50",
    ]);
    for (const { sha256: hash, hashSource, sources, licence, bytes } of catalogue) {
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      expect(hashSource).toMatch(/^https:\/\//);
      expect(sources.every((source) => source.startsWith("https://"))).toBe(true);
      expect(licence).not.toBe("");
      expect(bytes).toBeGreaterThan(1e6);
    }
    expect(new Set(catalogue.map(({ file }) => file)).size).toBe(catalogue.length);
  });

  it("agrees with the digits in torchvision's file name", () => {
    const { file, sha256: hash } = catalogueEntry("ResNet-50");
    expect(file).toBe(`resnet50-${hash?.slice(0, 8)}.pth`);
  });

  it("lists its names to those who ask for another", () => {
    expect(() => catalogueEntry("sam")).toThrow(/"sam" is not in the catalogue.*sam-vit-b, sam-vit-l/);
  });
});
