import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bytesAsFile, RangeServer, type SeenRequest } from "../../scripts/fixtures/range-server.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff } from "../../scripts/fixtures/tiff-writer.js";
import { configureRemoteSlides, openSlide, type PixelSource, TileCache } from "../../src/slides/index.js";
import { expectSameImage, failureOf, noiseImage, readLevel } from "./made-up.js";

// Whatever a server does, what is read is the slide's pixels, or an error.

const server = new RangeServer();
const image = noiseImage(320, 256);
const slide = buildTiff([deflatePage(image, 64)]);
let path = "";
let served = 0;
let source: PixelSource;

beforeAll(() => server.start());
afterAll(() => server.close());
beforeEach(async () => {
  server.fault = null;
  configureRemoteSlides({ patience: { attempts: 3, pause: 1, silence: 150, total: 2000 } });
  path = `/fault-${served++}.tif`;
  source = await openSlide(server.add(path, slide), { tileCache: new TileCache() });
  server.forget();
});

function head(request: SeenRequest, changes: Record<string, string> = {}): Record<string, string> {
  return {
    "Content-Range": `bytes ${request.first}-${request.last}/${slide.length}`,
    ETag: server.versionOf(server.address + path) ?? "",
    ...changes,
  };
}

const bodyOf = ({ first, last }: SeenRequest): Uint8Array => slide.subarray(first, last + 1);

/** Does it to the first requests after opening; then the server answers as it should. */
function firstTimes(
  count: number,
  fault: (request: SeenRequest, response: ServerResponse) => void | Promise<void>,
) {
  let left = count;
  server.fault = async (request, response) => {
    if (left-- <= 0) return false;
    await fault(request, response);
    return true;
  };
}

describe("a server that recovers", () => {
  it.each<[string, (request: SeenRequest, response: ServerResponse) => void | Promise<void>]>([
    ["503", (_, response) => void response.writeHead(503, { "Retry-After": "0" }).end()],
    ["429", (_, response) => void response.writeHead(429).end()],
    ["a reset connection", (_, response) => void response.destroy()],
    [
      "a cut body",
      (request, response) => {
        const body = bodyOf(request);
        response.writeHead(206, head(request, { "Content-Length": String(body.length) }));
        response.write(body.subarray(0, 1 + Math.floor(body.length / 3)), () => response.destroy());
      },
    ],
    [
      "a body that ends early without a length",
      (request, response) =>
        void response.writeHead(206, head(request)).end(bodyOf(request).subarray(0, 5000)),
    ],
    [
      "part of the range",
      (request, response) => {
        const last = request.first + 99;
        response.writeHead(
          206,
          head(request, { "Content-Range": `bytes ${request.first}-${last}/${slide.length}` }),
        );
        response.end(bodyOf(request).subarray(0, 100));
      },
    ],
    [
      "silence",
      async (_, response) => {
        await sleep(300);
        response.destroy();
      },
    ],
  ])("with %s gives the same pixels", async (_, fault) => {
    firstTimes(2, fault);
    expectSameImage(await readLevel(source, 0), image);
    await source.close();
  });

  it("goes on where a body was cut", async () => {
    const starts: number[] = [];
    firstTimes(1, (request, response) => {
      const body = bodyOf(request);
      starts.push(request.first);
      response.writeHead(206, head(request, { "Content-Length": String(body.length) }));
      response.write(body.subarray(0, 20_000), () => response.destroy());
    });
    expectSameImage(await readLevel(source, 0), image);
    const resumed = server.requests[1];
    expect(resumed?.first).toBeGreaterThan(starts[0] ?? 0);
  });
});

describe("a server that is never right", () => {
  it.each<[string, string, (request: SeenRequest, response: ServerResponse) => void | Promise<void>]>([
    ["503 for ever", "503", (_, response) => void response.writeHead(503).end()],
    ["another file", "changed", (_, response) => void response.writeHead(412).end()],
    [
      "another ETag",
      "changed",
      (request, response) =>
        void response.writeHead(206, head(request, { ETag: '"other"' })).end(bodyOf(request)),
    ],
    [
      "no ETag any more",
      "changed",
      (request, response) => {
        const { ETag: _, ...rest } = head(request);
        response.writeHead(206, rest).end(bodyOf(request));
      },
    ],
    [
      "another size",
      "changed",
      (request, response) => {
        const range = `bytes ${request.first}-${request.last}/${slide.length + 1}`;
        response.writeHead(206, head(request, { "Content-Range": range })).end(bodyOf(request));
      },
    ],
    [
      "another range",
      "in parts",
      (request, response) => {
        const range = `bytes ${request.first + 1}-${request.last}/${slide.length}`;
        response.writeHead(206, head(request, { "Content-Range": range })).end(bodyOf(request).subarray(1));
      },
    ],
    [
      "no Content-Range",
      "in parts",
      (request, response) => {
        const { "Content-Range": _, ...rest } = head(request);
        response.writeHead(206, rest).end(bodyOf(request));
      },
    ],
    [
      "more than the range",
      "more than was asked for",
      (request, response) =>
        void response.writeHead(206, head(request)).end(Buffer.concat([bodyOf(request), Buffer.alloc(9)])),
    ],
    ["200", "knows no ranges", (request, response) => void response.writeHead(200, head(request)).end(slide)],
    [
      "gzip",
      "compressed",
      (request, response) =>
        void response.writeHead(206, head(request, { "Content-Encoding": "gzip" })).end(bodyOf(request)),
    ],
    ["404", "does not exist", (_, response) => void response.writeHead(404).end()],
    ["403", "may not be read", (_, response) => void response.writeHead(403).end()],
    [
      "a loop of redirections",
      "redirections",
      (_, response) => void response.writeHead(302, { Location: `${server.address}${path}` }).end(),
    ],
    [
      "a redirection to a file",
      "leads nowhere",
      (_, response) => void response.writeHead(302, { Location: "file:///etc/passwd" }).end(),
    ],
    [
      "a byte now and then",
      "cannot be read",
      async (request, response) => {
        response.writeHead(206, head(request));
        for (const byte of bodyOf(request)) {
          if (response.destroyed) return;
          response.write(Uint8Array.of(byte));
          await sleep(20);
        }
      },
    ],
  ])("%s is an error", async (_, words, fault) => {
    if (words === "cannot be read") {
      configureRemoteSlides({ patience: { attempts: 3, pause: 1, silence: 150, total: 400 } });
    }
    server.fault = async (request, response) => {
      await fault(request, response);
      return true;
    };
    const failure = await failureOf(readLevel(source, 0));
    expect(failure.tag).toBe("network");
    expect(failure.message).toContain(words);
    expect(failure.fields.where).toBe(server.address + path);
    await source.close();
  });

  it("is never read in two versions, not even by another reader", async () => {
    server.add(path, bytesAsFile(buildTiff([deflatePage(noiseImage(320, 256, 5), 64)])));
    const again = await openSlide(server.address + path);
    expect((await failureOf(readLevel(source, 0))).message).toContain("changed");
    expect((await failureOf(readLevel(again, 0))).message).toContain("changed");
    await Promise.all([source.close(), again.close()]);
  });

  it.each([
    [404, "slide", "does not exist"],
    [200, "slide", "knows no ranges"],
    [403, "slide", "may not be read"],
    [500, "network", "500"],
  ])("is refused when its first answer is %i", async (status, tag, words) => {
    server.fault = (_, response) => {
      response.writeHead(status).end("no range");
      return true;
    };
    const failure = await failureOf(openSlide(`${server.address}/never-${status}.tif`));
    expect(failure.tag).toBe(tag);
    expect(failure.message).toContain(words);
  });

  it("is told where nobody answers", async () => {
    const failure = await failureOf(openSlide("http://127.0.0.1:9/slide.tif"));
    expect(failure.tag).toBe("network");
  });
});
