#!/usr/bin/env node
// The command. In the package it is the built program; in a checkout, which has the sources, that is built first.
import { existsSync } from "node:fs";

if (existsSync(new URL("../src/", import.meta.url))) {
  const { ensureBuilt } = await import("../scripts/build.mjs");
  try {
    ensureBuilt();
  } catch (failure) {
    console.error(`Error: ${failure.message}`);
    process.exit(1);
  }
}
await import("../dist/cli/main.js");
