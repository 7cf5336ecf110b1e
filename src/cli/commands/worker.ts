import { Command } from "@commander-js/extra-typings";
import {
  nameOfRedis,
  parseRedisAddress,
  runWorker,
  serveFigures,
  WorkerFigures,
} from "../../cohort/index.js";
import { whole } from "../../contract/index.js";
import type { DeviceRequest } from "../../graph/index.js";
import {
  deviceOption,
  jsonOption,
  queueAddress,
  queueOption,
  wholeNumber,
  wholeSetting,
} from "../options.js";
import { type ActionContext, type CommandOutcome, runCommand } from "../run-command.js";

/** Seconds without a sign of life after which others take over a slide. */
const LEASE_SECONDS = 30;

const HELP = `
Examples:
  $ epsam worker --queue redis://cluster-head:6379                        slides one after the other
  $ epsam worker --queue redis://cluster-head:6379 --concurrency 4        four at a time
  $ EPSAM_QUEUE=rediss://worker:SECRET@redis:6379 epsam worker --queue    nothing secret in the list of processes

Works on what \`epsam infer --queue\`, \`epsam prepare --queue\` and \`epsam embed --queue\` put into the queue, until it is
ended (Ctrl-C or SIGTERM): what is under way then goes back to the queue with the patches that are done. Needs the packages
bullmq and ioredis beside ep-sam. Slides, runs and outputs have the same paths as where the command was given.`;

/** `epsam worker`: works on the slides of a queue. */
export function workerCommand() {
  return new Command("worker")
    .addOption(queueOption().makeOptionMandatory())
    .option("--concurrency <count>", "slides at a time, each in a process of its own", wholeNumber(1, 256), 1)
    .addOption(deviceOption())
    .option(
      "--lease <seconds>",
      "without a sign of life for so long, others take over a slide",
      wholeSetting(whole(2)),
      LEASE_SECONDS,
    )
    .option("--until-empty", "end when the queue is empty")
    .option(
      "--metrics <port>",
      "serve figures for Prometheus at /metrics of this port, of --metrics-host",
      wholeNumber(0, 65_535),
    )
    .option("--metrics-host <address>", "address to serve figures at", "127.0.0.1")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) =>
      runCommand({ ...options, resumeHint: "Its slides are in the queue again." }, (context) =>
        work(options, context),
      ),
    );
}

interface WorkerCommandOptions {
  readonly queue: string | true;
  readonly concurrency: number;
  readonly device: DeviceRequest;
  readonly lease: number;
  readonly untilEmpty?: true | undefined;
  readonly metrics?: number | undefined;
  readonly metricsHost: string;
}

async function work(
  options: WorkerCommandOptions,
  { reporter, signal }: ActionContext,
): Promise<CommandOutcome> {
  const { concurrency, device, lease, untilEmpty, metrics, metricsHost } = options;
  const url = queueAddress(options.queue);
  const figures = new WorkerFigures();
  const served =
    metrics === undefined ? null : await serveFigures(figures, { host: metricsHost, port: metrics });
  if (served !== null) reporter.note(`Figures at http://${metricsHost}:${served.port}/metrics`);
  reporter.note(
    `Working for ${nameOfRedis(parseRedisAddress(url))}, ${concurrency} at a time; end with Ctrl-C.`,
  );
  try {
    const result = await runWorker({
      ...{ url, concurrency, device, untilEmpty, figures, reporter, signal },
      leaseSeconds: lease,
    });
    const { slides, failed } = result;
    return {
      json: result,
      text: `${slides} pieces of work done, ${failed} attempts failed by the slide's fault.`,
    };
  } finally {
    served?.close();
  }
}
