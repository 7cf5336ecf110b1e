/**
 * Tests compile the same models again and again, which takes longer than running them: in a process, those of the same
 * bytes are compiled once. Whoever opens one has a session of its own to close.
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { InferenceSession, type SessionOptions } from "./onnxruntime.js";

type Session = Awaited<ReturnType<typeof InferenceSession.create>>;
type Model = string | Uint8Array;

const { create } = InferenceSession;
const compile = (model: Model, options: SessionOptions): Promise<Session> =>
  typeof model === "string" ? create(model, options) : create(model, options);

/** Models that stay compiled while nobody has them open. */
const MOST_IDLE = 12;

interface Compiled {
  readonly session: Promise<Session>;
  users: number;
}

/** By what they are made of; the one that was opened or closed last is the last. */
const compiled = new Map<string, Compiled>();

async function keyOf(model: Model, options: SessionOptions): Promise<string> {
  const hash = createHash("sha1").update(JSON.stringify(options));
  if (typeof model !== "string") return hash.update(model).digest("hex");
  const { mtimeMs, size } = await stat(model);
  return hash.update(`${model} ${mtimeMs} ${size}`).digest("hex");
}

/** Makes the one that is used now the last. */
function touch(key: string, model: Compiled): void {
  compiled.delete(key);
  compiled.set(key, model);
}

async function releaseOldest(): Promise<void> {
  const idle = [...compiled].filter(([, { users }]) => users === 0);
  for (const [key, { session }] of idle.slice(0, Math.max(0, idle.length - MOST_IDLE))) {
    compiled.delete(key);
    await (await session).release();
  }
}

async function open(model: Model, options: SessionOptions = {}): Promise<Session> {
  const key = await keyOf(model, options);
  const own = compiled.get(key) ?? { session: compile(model, options), users: 0 };
  own.users += 1;
  touch(key, own);
  const session = await own.session.catch((cause: unknown) => {
    compiled.delete(key);
    throw cause;
  });
  let isReleased = false;
  return Object.create(session, {
    run: {
      value: async (...tensors: Parameters<Session["run"]>) => {
        if (isReleased) throw new Error("the session was released");
        return session.run(...tensors);
      },
    },
    release: {
      value: async () => {
        if (isReleased) return;
        isReleased = true;
        own.users -= 1;
        touch(key, own);
        await releaseOldest();
      },
    },
  });
}

Object.assign(InferenceSession, { create: open });
