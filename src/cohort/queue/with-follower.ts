import { type Reporter, silentReporter } from "../../common/index.js";
import { connectQueue } from "./connect.js";
import { Follower } from "./follow.js";
import { cancelQueued } from "./manage.js";

/** Connects, works with a follower of its own, and takes the jobs back when that is aborted. */
export async function withFollower<T>(
  { url, cohort, task }: { readonly url: string; readonly cohort: string; readonly task: string },
  {
    reporter,
    signal,
  }: { readonly reporter?: Reporter | undefined; readonly signal?: AbortSignal | undefined },
  work: (follower: Follower) => Promise<T>,
): Promise<T> {
  const told = reporter ?? silentReporter;
  const connection = await connectQueue({ url, reporter: told, signal });
  try {
    return await work(new Follower({ connection, cohort, reporter: told, signal, task }));
  } catch (failure) {
    if (signal?.aborted === true) {
      const takeBack = () => cancelQueued(connection, (data) => data.cohort === cohort);
      if (!(await connection.answers(takeBack))) {
        told.warn("Redis is away: what waits there stays, and `epsam queue clear` takes it back later.");
      }
    }
    throw failure;
  } finally {
    await connection.close();
  }
}
