/**
 * The web application in a process of its own, for tests that kill it: state directory, built page, port and inputs as
 * arguments; writes its port on standard output.
 */
import { silentReporter } from "../../src/common/index.js";
import { createApp } from "../../src/server/app.js";
import { createServerContext } from "../../src/server/context.js";
import { startServer } from "../../src/server/start-server.js";
import { addInput } from "../../src/server/workspace/recognise.js";

const [, , stateDirectory = "", pageDirectory = "", port = "0", ...inputs] = process.argv;
const warn = (message: string) => process.stderr.write(`${message}\n`);
const context = createServerContext({
  stateDirectory,
  signal: new AbortController().signal,
  reporter: { ...silentReporter, warn },
});
for (const input of inputs) await addInput(context.workspace, input, { warn });
const server = await startServer(createApp(context, { pageDirectory }), {
  host: "127.0.0.1",
  port: Number(port),
});
process.stdout.write(`${server.port}\n`);
