import { Worker } from "node:worker_threads";
import { asError } from "../platform/data/as-error.ts";
import { StoreError } from "./store-link.ts";
import type { StoreCalls, StoreLink } from "./store-link.ts";
import type { StoreReply, StoreRequest } from "./store-thread.ts";

/** It keeps no rows: what is more would be a fault, which is to end the thread and not the process. */
const LIMITS = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

/** As this file is: type-stripped source, or built. */
const THREAD = new URL(
  import.meta.url.endsWith(".ts") ? "./store-thread.ts" : "./store-thread.js",
  import.meta.url,
);

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

/** A link to calls that a thread of their own does: nobody here waits for the disk. */
export function threadLink(): StoreLink {
  const worker = new Worker(THREAD, { resourceLimits: LIMITS, execArgv: [], env: {} });
  const waiting: Waiting[] = [];
  let ended: StoreError | undefined;
  const end = (error: StoreError): void => {
    ended ??= error;
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  worker.on("message", (reply: StoreReply) => {
    const next = waiting.shift();
    if ("value" in reply) next?.resolve(reply.value);
    else next?.reject(new StoreError(reply.error.message, reply.error.isFinal));
  });
  worker.on("error", (error) => end(new StoreError(asError(error).message, true)));
  worker.on("exit", () => end(new StoreError("its thread has ended", true)));

  const ask = <Result>(request: StoreRequest): Promise<Result> =>
    new Promise<Result>((resolve, reject) => {
      if (ended !== undefined) {
        reject(ended);
        return;
      }
      waiting.push({ resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage(request, []);
    });
  type ResultOf<Name extends keyof StoreCalls> = Awaited<ReturnType<StoreCalls[Name]>>;
  return {
    open: (place) => ask<ResultOf<"open">>({ name: "open", args: [place] }),
    commit: (update) => ask<ResultOf<"commit">>({ name: "commit", args: [update] }),
    read: (maxBytes) => ask<ResultOf<"read">>({ name: "read", args: [maxBytes] }),
    drop: (seq) => ask<ResultOf<"drop">>({ name: "drop", args: [seq] }),
    free: (bytes) => ask<ResultOf<"free">>({ name: "free", args: [bytes] }),
    async close() {
      try {
        await ask<ResultOf<"close">>({ name: "close", args: [] });
      } finally {
        await worker.terminate();
      }
    },
  };
}
