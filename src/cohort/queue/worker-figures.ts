import { once } from "node:events";
import { createServer } from "node:http";
import { EpSamError, messageOf } from "../../common/index.js";

/** Counts of one worker, for people and for Prometheus. */
export class WorkerFigures {
  #done = 0;
  #failed = 0;
  /** Slides under way. */
  #active = 0;
  #seconds = 0;

  get done(): number {
    return this.#done;
  }

  get failed(): number {
    return this.#failed;
  }

  begin(): void {
    this.#active += 1;
  }

  end(): void {
    this.#active -= 1;
  }

  finish(seconds: number): void {
    this.#done += 1;
    this.#seconds += seconds;
  }

  fail(): void {
    this.#failed += 1;
  }

  /** In Prometheus' text format, version 0.0.4. */
  get text(): string {
    const figures = [
      ["epsam_worker_slides_done_total", "counter", "Slides that this worker finished.", this.#done],
      [
        "epsam_worker_slides_failed_total",
        "counter",
        "Attempts that failed by the slide's fault.",
        this.#failed,
      ],
      ["epsam_worker_slide_seconds_total", "counter", "Seconds that finished slides took.", this.#seconds],
      ["epsam_worker_slides_active", "gauge", "Slides under way.", this.#active],
    ] as const;
    return figures
      .map(
        ([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`,
      )
      .join("");
  }
}

/**
 * Serves figures at `/metrics`.
 * @returns the port, and what ends it
 * @throws EpSamError `usage` when the port is taken
 */
export async function serveFigures(
  figures: WorkerFigures,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((request, response) => {
    const isWanted = request.method === "GET" && request.url === "/metrics";
    response.writeHead(isWanted ? 200 : 404, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(isWanted ? figures.text : "");
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const fields = { where: "`metrics`", what: "cannot be served there", why: messageOf(cause) };
    throw new EpSamError("usage", { ...fields, action: "Choose another port." }, { cause });
  }
  // The worker ends whether or not somebody reads them.
  server.unref();
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => void server.close(),
  };
}
