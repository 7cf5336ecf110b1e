#!/usr/bin/env node
import { runProgram } from "./program.js";
import { processTerminal } from "./terminal.js";

/** A reader that went away, as in `epsam models list | head -1`, is no error. */
function endQuietlyOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

process.stdout.on("error", endQuietlyOnBrokenPipe);
process.stderr.on("error", endQuietlyOnBrokenPipe);
process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
