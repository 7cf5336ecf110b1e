import { EpSamError } from "../common/index.js";
import { nameSettings } from "../contract/index.js";

/** Settings that the command line calls something else than in code. */
const FLAGS = new Map([
  ["from", "--from-run"],
  ["groups.exclusion", "--exclusion-groups"],
  ["groups.ignored", "--ignore-groups"],
  ["groups.tumour", "--tumour-groups"],
  ["minimumArea", "--min-area"],
  ["minimumTissue", "--min-tissue"],
  ["mppTable", "--mpp-csv"],
  ["splitTable", "--split-csv"],
  ["stages", "--stage"],
  ["windows.share", "--window-share"],
  ["windows.size", "--window-size"],
  ["windows.stride", "--window-stride"],
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

/** An error as the command line tells it. */
export function errorWithFlags(error: EpSamError): EpSamError {
  const { what, where, why, action } = error.fields;
  const flagged = (text: string | undefined) => (text === undefined ? undefined : withFlags(text));
  const fields = { what: withFlags(what), where: flagged(where), why: flagged(why), action: flagged(action) };
  return new EpSamError(error.tag, fields, { cause: error });
}
