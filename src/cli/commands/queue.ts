import { Command } from "@commander-js/extra-typings";
import {
  cancelQueued,
  connectQueue,
  pauseQueue,
  type QueueConnection,
  type QueueStatus,
  queueStatus,
  retryQueued,
} from "../../cohort/index.js";
import { closing } from "../../common/index.js";
import { jsonOption, queueAddress, queueOption } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

/** `epsam queue`: looks at the queue of slides and changes it. */
export function queueCommand() {
  const command = new Command("queue").addHelpText(
    "after",
    "\nExample:\n  $ epsam queue status --queue redis://cluster-head:6379",
  );
  const add = (
    name: string,
    description: string,
    work: (connection: QueueConnection) => Promise<CommandOutcome>,
  ) =>
    command.addCommand(
      new Command(name)
        .description(description)
        .addOption(queueOption().makeOptionMandatory())
        .addOption(jsonOption())
        .addHelpText("after", `\nExample:\n  $ epsam queue ${name} --queue redis://cluster-head:6379`)
        .action((options) =>
          runCommand(options, async ({ reporter, signal }) => {
            const url = queueAddress(options.queue);
            return closing(connectQueue({ url, reporter, signal }), work);
          }),
        ),
    );
  add(
    "status",
    "what waits, what workers are at, and what was set aside, with the reason",
    async (connection) => {
      const status = await queueStatus(connection);
      return { json: status, text: describeStatus(status) };
    },
  );
  add("retry", "put slides that were set aside into the queue again", async (connection) => {
    const retried = await retryQueued(connection);
    return { json: { retried }, text: `${counted(retried)} put into the queue again.` };
  });
  add("pause", "let workers finish what they are at, and begin nothing", async (connection) => {
    await pauseQueue(connection, true);
    return { json: { paused: true }, text: "Paused: go on with `epsam queue resume`." };
  });
  add("resume", "let workers go on after a pause", async (connection) => {
    await pauseQueue(connection, false);
    return { json: { paused: false }, text: "Workers go on." };
  });
  add(
    "clear",
    "take everything out; slides under way end at their next patch, what is done is kept",
    async (connection) => {
      const { waiting, atWork } = await cancelQueued(connection);
      return {
        json: { waiting, atWork },
        text: `${counted(waiting)} taken out, ${atWork} under way ending at the next patch.`,
      };
    },
  );
  return command;
}

function counted(count: number): string {
  return count === 1 ? "1 slide" : `${count} slides`;
}

function describeStatus({ paused, waiting, delayed, atWork, setAside, workers, notes }: QueueStatus): string {
  return [
    `${waiting} waiting${paused ? " (paused)" : ""}, ${delayed} tried again in a while, ${atWork.length} at work, ${setAside.length} set aside`,
    `${workers.length} worker${workers.length === 1 ? "" : "s"}${workers.length === 0 ? ": start `epsam worker`" : `: ${workers.join(", ")}`}`,
    ...atWork.map(({ slide, done, total, worker }) => {
      const far = total === 0 ? "" : ` ${done} of ${total}`;
      return `  at work    ${slide}${far}${worker === null ? "" : ` (${worker})`}`;
    }),
    ...setAside.map(({ slide, reason }) => `  set aside  ${slide}: ${reason}`),
    ...notes.map((note) => `  trouble    ${note}`),
  ].join("\n");
}
