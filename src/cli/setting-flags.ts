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

/** Settings that only one command has, by that command; `epsam prepare` has the others. */
const HOMES = new Map(
  Object.entries({
    train: "config corrections from preset resume stages",
    infer: "device gate labelledSquares minimumArea overlap patchMpp stage tolerance",
    view: "allow host port state token",
    worker: "lease metrics metricsHost untilEmpty",
    "models export": "format",
    "models import":
      "acceptLicence blocks deviation heads key largePatches licence mean micronsPerPixel model name promptFrame sam size",
  }).flatMap(([command, settings]) => settings.split(" ").map((setting) => [setting, command] as const)),
);

/** The command that has a setting which the one at work has not. */
export function homeOf(setting: string): string {
  return HOMES.get(setting) ?? "prepare";
}

/** Flags of the command at work; null until there is one. */
let ownFlags: ReadonlySet<string> | null = null;

/**
 * From now on messages are those of a command with these flags, of none with null: a flag that it lacks is told with a
 * command that has it.
 */
export function speakFor(flags: Iterable<string> | null): void {
  ownFlags = flags === null ? null : new Set(flags);
}

/** A message with the settings that it names as flags: `unmarked: normal` becomes --unmarked normal. */
export function withFlags(message: string): string {
  return nameSettings(message, (setting, value) => {
    const flag = flagOf(setting);
    const told = value === null || value === "true" ? flag : `${flag} ${argumentOf(setting, value)}`;
    return ownFlags?.has(flag) === false ? `${told} of \`epsam ${homeOf(setting)}\`` : told;
  });
}

/** A value as it is typed: names of groups in quotation marks, with a backslash before a comma, which parts them otherwise. */
function argumentOf(setting: string, value: string): string {
  const [, name] = /^"(.*)"$/s.exec(value) ?? [];
  if (!setting.startsWith("groups.") || name === undefined) return value;
  const escaped = name.replaceAll(",", "\\,");
  return /["$!\\`]/.test(name) && !name.includes("'") ? `'${escaped}'` : `"${escaped}"`;
}

/** An error as the command line tells it. */
export function errorWithFlags(error: EpSamError): EpSamError {
  const { what, where, why, action } = error.fields;
  const flagged = (text: string | undefined) => (text === undefined ? undefined : withFlags(text));
  const fields = { what: withFlags(what), where: flagged(where), why: flagged(why), action: flagged(action) };
  return new EpSamError(error.tag, fields, { cause: error });
}
