import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWeb } from "../../scripts/build-web.js";
import { startServer } from "../../src/server/start-server.js";
import { type TestServer, type TestServerOptions, testServer } from "./test-server.js";

/** The whole web application as a browser meets it. */
export interface PageServer extends Omit<TestServer, "close"> {
  /** Of the page, ending with a slash. */
  readonly address: string;
  close(): Promise<void>;
}

/** Bundles the page from its sources and serves it with the application on a free port. */
export async function servePage(options: Omit<TestServerOptions, "pageDirectory">): Promise<PageServer> {
  const pageDirectory = await mkdtemp(join(tmpdir(), "epsam-page-"));
  await buildWeb(pageDirectory);
  const server = await testServer({ ...options, pageDirectory });
  const { port, close } = await startServer(server.app, { host: "127.0.0.1", port: 0 });
  return {
    ...server,
    address: `http://127.0.0.1:${port}/`,
    async close() {
      await close();
      await server.close();
      await rm(pageDirectory, { recursive: true });
    },
  };
}
