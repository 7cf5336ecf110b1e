import { startServer } from "../../src/server/start-server.js";
import { builtPath, ensureBuilt } from "./build.js";
import { type TestServer, type TestServerOptions, testServer } from "./test-server.js";

/** The whole web application as a browser meets it. */
export interface PageServer extends Omit<TestServer, "close"> {
  /** Of the page, ending with a slash. */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves the page as it is built with the application on a free port. */
export async function servePage(options: Omit<TestServerOptions, "pageDirectory">): Promise<PageServer> {
  await ensureBuilt();
  const server = await testServer({ ...options, pageDirectory: builtPath("web") });
  const { port, close } = await startServer(server.app, { host: "127.0.0.1", port: 0 });
  return {
    ...server,
    address: `http://127.0.0.1:${port}/`,
    async close() {
      await close();
      await server.close();
    },
  };
}
