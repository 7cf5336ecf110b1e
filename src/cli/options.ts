import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { z } from "zod";
import { parseShard } from "../cohort/index.js";
import { EpSamError, isEpSamError, isRemotePath, remotePath, withoutSecrets } from "../common/index.js";
import { seedSetting, whole, wholeBetween } from "../contract/index.js";
import { type DeviceRequest, deviceNames, parseDeviceRequest } from "../graph/index.js";
import { errorWithFlags } from "./setting-flags.js";

/** What the text of an option means under a setting's schema; the schema says what would do, commander adds the option. */
function settingOf<Schema extends z.core.$ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const read = z.safeParse(schema, value);
  if (read.success) return read.data;
  throw new InvalidArgumentError(read.error.issues[0]?.message ?? "Give another value.");
}

/** A setting that is one whole number. */
export function wholeSetting<Schema extends z.core.$ZodType>(schema: Schema) {
  return (text: string): z.output<Schema> =>
    settingOf(schema, /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN);
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** A setting that is one number. */
export function numberSetting<Schema extends z.core.$ZodType>(schema: Schema) {
  return (text: string): z.output<Schema> =>
    settingOf(schema, DECIMAL.test(text) ? Number(text) : Number.NaN);
}

/** A setting that is numbers separated by commas. */
export function numbersSetting<Schema extends z.core.$ZodType>(schema: Schema) {
  return (text: string): z.output<Schema> => {
    const isNumber = (part: string): boolean => /^\s*\d+(\.\d+)?\s*$/.test(part);
    return settingOf(
      schema,
      text.split(",").map((part) => (isNumber(part) ? Number(part) : Number.NaN)),
    );
  };
}

/** A setting that is a word or a whole number. */
export function wordOrNumberSetting<Schema extends z.core.$ZodType>(schema: Schema) {
  return (text: string): z.output<Schema> => settingOf(schema, /^\d+$/.test(text) ? Number(text) : text);
}

/** Whole numbers from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum?: number) {
  return wholeSetting(maximum === undefined ? whole(minimum) : wholeBetween(minimum, maximum));
}

/** A path of this machine; an empty one, as from an unset shell variable, is refused. */
export function path(text: string): string {
  if (isRemotePath(text))
    throw new InvalidArgumentError("Give a path of this machine; slides alone may be addresses.");
  return notEmpty(text);
}

/** One more path of an option that takes several. */
export function paths(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, path(text)];
}

function notEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("Give a path that is not empty.");
}

/** What is read of an option's text; an error tells options, where the function that reads names settings. */
function withFlagsIfRefused<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (thrown) {
    throw isEpSamError(thrown) ? errorWithFlags(thrown) : thrown;
  }
}

/** A slide, or what may be one: a path, or an address, of which nobody sees what is secret from here on. */
export function input(text: string): string {
  return withFlagsIfRefused(() => remotePath(notEmpty(text)));
}

/** One more input of a command that takes several. */
export function inputs(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, input(text)];
}

export function cacheGigabytesOption() {
  return new Option(
    "--cache-gigabytes <number>",
    "slides on servers: how much of what was read is kept on disk for later (default: nothing)",
  ).argParser(cacheGigabytes);
}

/** Takes effect at once, in this process and in those that it starts. */
function cacheGigabytes(text: string): number {
  if (!DECIMAL.test(text) || Number(text) < 0) throw new InvalidArgumentError("Give a number of gigabytes.");
  process.env.EPSAM_CACHE_GIGABYTES = text;
  return Number(text);
}

export function jsonOption() {
  return new Option("--json", "print one JSON document on standard output (progress goes to standard error)");
}

export function seedOption() {
  return new Option("--seed <integer>", "seed of every random choice").argParser(wholeSetting(seedSetting));
}

/** {@link deviceFor} makes a device of it. */
export function deviceOption() {
  return new Option("--device <name>", `where to compute: auto, ${deviceNames.join(", ")}`)
    .argParser((text) => withFlagsIfRefused(() => parseDeviceRequest(text)))
    .default("auto" satisfies DeviceRequest as DeviceRequest);
}

export function anyResolutionOption() {
  return new Option(
    "--any-resolution",
    "go on with data of several magnifications (a factor of 1.5 and more), which is refused otherwise",
  );
}

export function overwriteOption() {
  return new Option("--overwrite", "replace what is already at the output");
}

export function shardOption() {
  return new Option(
    "--shard <part>",
    "slides: do one part of them, such as 3/16; auto: the one that Slurm, AWS Batch or (auto/16) Kubernetes numbers",
  ).argParser((text) => withFlagsIfRefused(() => parseShard(text, process.env)));
}

export function collectOption() {
  return new Option("--collect", "slides: join what all shards made, and tell what is missing").conflicts(
    "shard",
  );
}

/** {@link queueAddress} makes an address of it. */
export function queueOption(of = "slides") {
  return new Option(
    "--queue [address]",
    `${of}: Redis whose workers do the work, as redis://HOST:6379; left empty: the one that EPSAM_QUEUE names`,
  );
}

/** The address of the queue: as given, or as EPSAM_QUEUE tells where it may hold a password. */
export function queueAddress(given: string | true): string {
  const address = given === true ? process.env.EPSAM_QUEUE : given;
  if (address !== undefined && address !== "") return address;
  throw new EpSamError("usage", {
    where: "`queue`",
    what: "has no address, and EPSAM_QUEUE is not set",
    action: "Give it as redis://HOST:6379, or set EPSAM_QUEUE to that.",
  });
}

export function outOption(description: string) {
  return new Option("--out <directory>", description).argParser(path);
}

/** A folder of this machine, or a place in a bucket. */
export function outOrBucketOption(description: string) {
  return new Option("--out <place>", description).argParser(input);
}

/** The words after `epsam`, as records keep them: without what is secret in addresses. */
export function shownCommandLine(): string[] {
  return process.argv.slice(2).map(withoutSecrets);
}
