import { extname } from "node:path";
import { WorkerCalls } from "../platform/process/worker-calls.ts";
import { StoreError } from "./store-link.ts";
import type { StoreCalls, StoreLink } from "./store-link.ts";
import type { StoreReply, StoreRequest } from "./store-thread.ts";

/** The thread keeps no rows: a fault that needs more memory ends the thread, not the process. */
const LIMITS = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
/** `.ts` in the source, `.js` in the build. */
const THREAD = new URL(`./store-thread${extname(import.meta.url)}`, import.meta.url);

type ResultOf<Name extends keyof StoreCalls> = Awaited<ReturnType<StoreCalls[Name]>>;

/** Returns a link to a worker thread, which waits for the disk in place of the event loop. */
export function threadLink(): StoreLink {
  const thread = new WorkerCalls<StoreRequest, StoreReply>(THREAD, LIMITS);
  const call = async <Name extends keyof StoreCalls>(
    request: StoreRequest & { readonly name: Name },
  ): Promise<ResultOf<Name>> => {
    const reply = await thread.call(request).catch((error: Error) => {
      throw new StoreError(error.message, true);
    });
    if ("error" in reply) throw new StoreError(reply.error.message, reply.error.isFinal);
    return reply.value as ResultOf<Name>;
  };
  return {
    open: (place) => call({ name: "open", args: [place] }),
    commit: (update) => call({ name: "commit", args: [update] }),
    read: (maxBytes) => call({ name: "read", args: [maxBytes] }),
    drop: (seq) => call({ name: "drop", args: [seq] }),
    free: (bytes) => call({ name: "free", args: [bytes] }),
    async close() {
      try {
        await call({ name: "close", args: [] });
      } finally {
        await thread.close();
      }
    },
  };
}
