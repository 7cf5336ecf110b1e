import { describe, expect, it } from "vitest";
import type { Area, EmbeddingEntry, EmbeddingRequest } from "../../../src/contract/index.js";
import { ClickSession } from "../../../src/web/tools/segment/click-session.js";
import { BrowserMaskDecoder, type WorkerPort } from "../../../src/web/tools/segment/mask-decoder.js";
import type { MaskRequest, WorkerAnswer, WorkerRequest } from "../../../src/web/tools/segment/messages.js";

const area: Area = {
  type: "MultiPolygon",
  coordinates: [
    [
      [
        [0, 0],
        [9, 0],
        [9, 9],
        [0, 0],
      ],
    ],
  ],
};
const segmenter = { id: "sam", title: "SAM", run: null, stage: "original", patchSize: 100, patchMpp: null };

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

function openSession({ hasMap = false } = {}) {
  const embedded: EmbeddingRequest[] = [];
  const aborted: AbortSignal[] = [];
  const decoded: MaskRequest[] = [];
  const problems: unknown[] = [];
  let gate: Promise<unknown> = Promise.resolve();
  let failure: Error | null = null;
  const session = new ClickSession({
    embed: async (request, signal): Promise<EmbeddingEntry> => {
      embedded.push(request);
      aborted.push(signal);
      await gate;
      signal.throwIfAborted();
      const { centre, side = 100 } = request;
      const box = {
        space: "level-0",
        x: centre.x - side / 2,
        y: centre.y - side / 2,
        width: side,
        height: side,
      } as const;
      return { id: `embedding-${embedded.length}`, box, patchSize: 100, hasMap };
    },
    decoder: {
      decode: async (request) => {
        decoded.push(request);
        if (failure !== null) throw failure;
        return { area, estimatedIou: 0.9, milliseconds: 1, engine: "wasm" };
      },
    },
    decoderAddress: (id) => `decoder/${id}`,
    embeddingAddress: (id) => `embedding/${id}`,
    mapAddress: (id) => `embedding/${id}/map`,
    onProblem: (thrown) => problems.push(thrown),
  });
  session.use(segmenter, 200);
  return {
    session,
    embedded,
    aborted,
    decoded,
    problems,
    wait: (promise: Promise<unknown>) => {
      gate = promise;
    },
    fail: (error: Error | null) => {
      failure = error;
    },
  };
}

describe("segmenting by clicks", () => {
  it("embeds the patch around the first click and decodes every further one in it", async () => {
    const { session, embedded, decoded } = openSession();
    session.addPoint({ position: [1000, 500], label: 1 });
    await settled();
    session.addPoint({ position: [1050, 480], label: 0 });
    await settled();
    session.movePoint(1, [1060, 480]);
    await settled();
    expect(embedded).toEqual([{ segmenter: "sam", centre: { x: 1000, y: 500 }, side: 200 }]);
    expect(decoded.map(({ prompt }) => prompt.points.map(({ x, y, label }) => [x, y, label]))).toEqual([
      [[50, 50, 1]],
      [
        [50, 50, 1],
        [75, 40, 0],
      ],
      [
        [50, 50, 1],
        [80, 40, 0],
      ],
    ]);
    expect([session.status.value, session.mask.value?.estimatedIou]).toEqual(["ready", 0.9]);
    session.removeLast();
    session.removeLast();
    expect([session.status.value, session.mask.value, session.isEmpty.value]).toEqual(["idle", null, true]);
  });

  it("names the run's own map where there is one", async () => {
    const addressesOf = async (hasMap: boolean) => {
      const { session, decoded } = openSession({ hasMap });
      session.addPoint({ position: [1000, 500], label: 1 });
      await settled();
      return decoded.map(({ map, patchSize }) => [map, patchSize]);
    };
    expect(await addressesOf(true)).toEqual([["embedding/embedding-1/map", 100]]);
    expect(await addressesOf(false)).toEqual([[null, 100]]);
  });

  it("waits for a patch under way where a second click fits into it, and gives it up where not", async () => {
    const { session, embedded, aborted, decoded, wait } = openSession();
    let open = (): void => expect.unreachable();
    wait(
      new Promise<void>((resolve) => {
        open = resolve;
      }),
    );
    session.addPoint({ position: [1000, 500], label: 1 });
    session.addPoint({ position: [1030, 500], label: 1 });
    expect([embedded.length, session.status.value]).toEqual([1, "embedding"]);
    session.addPoint({ position: [1400, 500], label: 1 });
    expect(aborted.map((signal) => signal.aborted)).toEqual([true, false]);
    open();
    await settled();
    // All three, with room around them.
    expect(embedded[1]).toMatchObject({ centre: { x: 1200, y: 500 }, side: 500 });
    expect(decoded).toHaveLength(1);
    expect(decoded[0]?.prompt.points.map(({ x }) => x)).toEqual([10, 16, 90]);
  });

  it("takes the patch of the last mask for a first click near its middle only", async () => {
    const { session, embedded } = openSession();
    for (const x of [1000, 1050, 1090]) {
      session.addPoint({ position: [x, 500], label: 1 });
      await settled();
      session.clear();
    }
    expect(embedded.map(({ centre }) => centre.x)).toEqual([1000, 1090]);
    session.use(segmenter, 900);
    session.addPoint({ position: [1090, 500], label: 1 });
    await settled();
    expect(embedded.at(-1)?.side).toBe(900);
  });

  it("turns boxes drawn in any direction into corners", async () => {
    const { session, decoded } = openSession();
    session.setBox([
      [1040, 520],
      [980, 460],
    ]);
    await settled();
    expect(decoded[0]?.prompt.box).toEqual({ space: "patch", left: 35, top: 35, right: 65, bottom: 65 });
  });

  it("embeds anew, once, what the server has forgotten, and tells what fails again", async () => {
    const { session, embedded, problems, fail } = openSession();
    session.addPoint({ position: [1000, 500], label: 1 });
    await settled();
    fail(new Error("forgotten"));
    session.addPoint({ position: [1010, 500], label: 1 });
    await settled();
    expect([embedded.length, problems.length, session.status.value]).toEqual([2, 1, "ready"]);
    fail(null);
    session.addPoint({ position: [1020, 500], label: 1 });
    await settled();
    expect([embedded.length, problems.length, session.status.value]).toEqual([3, 1, "ready"]);
  });
});

/** A worker whose answers the test gives. */
class FakeWorker implements WorkerPort {
  readonly requests: WorkerRequest[] = [];
  onMessage: (event: { readonly data: WorkerAnswer }) => void = () => undefined;
  onError: (event: { readonly message?: string }) => void = () => undefined;
  isEnded = false;

  postMessage(request: WorkerRequest): void {
    this.requests.push(request);
  }

  addEventListener(type: "message", listener: (event: { readonly data: WorkerAnswer }) => void): void;
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
  addEventListener(
    type: "message" | "error",
    listener: (event: { readonly data: WorkerAnswer; readonly message?: string }) => void,
  ): void {
    if (type === "message") this.onMessage = (event) => listener(event);
    else this.onError = (event) => listener({ data: { id: 0, failure: "", fromServer: false }, ...event });
  }

  terminate(): void {
    this.isEnded = true;
  }

  answerLast(): void {
    const id = this.requests.at(-1)?.id ?? 0;
    this.onMessage({ data: { id, area, estimatedIou: 1, milliseconds: 5, engine: "wasm", logits: null } });
  }
}

describe("decoding", () => {
  const request = (x: number): MaskRequest => ({
    decoder: "decoder",
    embedding: "embedding",
    map: null,
    patchSize: 100,
    box: { space: "level-0", x: 0, y: 0, width: 100, height: 100 },
    prompt: { points: [{ space: "patch", x, y: 0, label: 1 }], box: null },
  });

  it("does one at a time and skips what was asked for before the newest", async () => {
    const worker = new FakeWorker();
    const decoder = new BrowserMaskDecoder({
      startWorker: () => worker,
      decodeOnServer: () => Promise.reject(new Error("not needed")),
    });
    const results = [1, 2, 3].map((x) => decoder.decode(request(x)));
    expect(worker.requests).toHaveLength(1);
    worker.answerLast();
    await settled();
    expect(worker.requests.map(({ prompt }) => prompt.points[0]?.x)).toEqual([1, 3]);
    worker.answerLast();
    const engines = (await Promise.all(results)).map((result) => result?.engine ?? null);
    expect(engines).toEqual(["wasm", null, "wasm"]);
    expect(decoder.place.value).toEqual({ engine: "wasm", milliseconds: 5, why: null });
  });

  it("asks again in the browser after the server had nothing to decode", async () => {
    const worker = new FakeWorker();
    const decoder = new BrowserMaskDecoder({
      startWorker: () => worker,
      decodeOnServer: () => Promise.reject(new Error("not needed")),
    });
    const first = decoder.decode(request(1));
    worker.onMessage({ data: { id: 1, failure: "status 404", fromServer: true } });
    await expect(first).rejects.toThrow("status 404");
    const second = decoder.decode(request(2));
    await settled();
    worker.answerLast();
    expect([(await second)?.engine, worker.isEnded]).toEqual(["wasm", false]);
  });

  it("goes to the server for good when the browser cannot, and says why", async () => {
    const worker = new FakeWorker();
    const asked: number[] = [];
    const decoder = new BrowserMaskDecoder({
      startWorker: () => worker,
      decodeOnServer: async ({ prompt }) => {
        asked.push(prompt.points[0]?.x ?? 0);
        return { area, estimatedIou: 0.5 };
      },
    });
    const first = decoder.decode(request(1));
    worker.onError({ message: "no WebAssembly" });
    expect((await first)?.engine).toBe("server");
    expect((await decoder.decode(request(2)))?.engine).toBe("server");
    expect([asked, worker.requests.length, worker.isEnded]).toEqual([[1, 2], 1, true]);
    expect(decoder.place.value.why).toBe("no WebAssembly");
  });
});
