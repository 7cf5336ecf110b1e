import { deflateSync } from "node:zlib";

/** What the yardstick takes on the calm machine on which the bounds of tests were chosen, in processor seconds. */
const YARDSTICK_SECONDS = 0.004;

let state = 1;
/** Four random bits a byte, which deflate has to work for. */
const SAMPLE = Uint8Array.from({ length: 2 ** 17 }, () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state >>> 28;
});

/** Of this process with all its threads: other programs do not count. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Processor seconds of a fixed piece of work, in native code since that is as fast at first as later. */
function yardstick(): number {
  const begin = processorSeconds();
  deflateSync(SAMPLE);
  return processorSeconds() - begin;
}

/**
 * Says, when called, how much processor time passed since it was made: in seconds of the machine on which the bounds
 * of tests were chosen. A slow processor, or one that shares its core, takes longer for the yardstick as well.
 */
export function processorStopwatch(): () => number {
  const before = yardstick();
  const begin = processorSeconds();
  return () => {
    const taken = processorSeconds() - begin;
    return (taken * YARDSTICK_SECONDS) / Math.max(YARDSTICK_SECONDS, before, yardstick());
  };
}

/**
 * The most processor time that passed between two turns of the event loop while something was done, in seconds: how
 * long everybody else had to wait for it. A machine that is busy with other programs does not count.
 */
export async function longestTurn<Result>(work: () => Promise<Result>): Promise<[Result, seconds: number]> {
  let [longest, last] = [0, processorSeconds()];
  const timer = setInterval(() => {
    const now = processorSeconds();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  try {
    return [await work(), longest];
  } finally {
    clearInterval(timer);
  }
}
