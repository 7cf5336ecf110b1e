import { nameSettings } from "../contract/index.js";

/** Settings that the command line calls something else than in code. */
const FLAGS = new Map([
  ["inputKind", "--as"],
  ["minimumArea", "--min-area"],
  ["minimumTissue", "--min-tissue"],
  ["mppTable", "--mpp-csv"],
  ["splitTable", "--split-csv"],
  ["stages", "--stage"],
]);

/** The flag of a setting: `patchSize` is `--patch-size`. */
export function flagOf(setting: string): string {
  return FLAGS.get(setting) ?? `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A message with the settings that it names as flags: `unmarked: normal` becomes --unmarked normal. */
export function withFlags(message: string): string {
  return nameSettings(message, (setting, value) =>
    value === null || value === "true" ? flagOf(setting) : `${flagOf(setting)} ${value}`,
  );
}
