/**
 * A process for crash.test.ts to kill. It sends a record of each of some numbered changes, from the
 * resume point of an earlier process on.
 *
 * Arguments: folder, endpoint, number of changes, changes a millisecond.
 */
import { openLogPipeline } from "../../src/otlp/log-pipeline.ts";
import { openSender } from "../../src/otlp/transport/open-sender.ts";
import { systemClock as clock } from "../../src/platform/time/clock.ts";
import { createLogger } from "../../src/platform/log/log.ts";
import { openStore } from "../../src/storage/store.ts";
import { Backoff } from "../../src/platform/time/backoff.ts";

const RESOURCE = { "service.name": "crash" };

const [path = "", url = "", changes = "0", perMs = "1"] = process.argv.slice(2);
const log = createLogger({
  level: "error",
  format: "logfmt",
  clock,
  write: (line) => process.stderr.write(line),
});

let next = 0;
const store = await openStore({
  path,
  scope: "crash",
  clock,
  log,
  cursor: () => ({ beginNs: 0n, lastNs: BigInt(next), seen: [], count: next }),
  container: () => undefined,
  queue: { maxBytes: 2 ** 28, dropped: (records) => log.error("dropped", { records }) },
});
next = store.restored?.cursor.count ?? 0;
const { queue } = store;
if (queue?.state.durable !== true) throw new Error("the queue isn't durable");

const { logger } = openLogPipeline({
  queue,
  sender: await openSender(
    {
      url,
      protocol: "http/protobuf",
      headers: [],
      timeoutMs: 2_000,
      compression: "none",
      tls: { caFile: undefined, keyFile: undefined, certFile: undefined },
    },
    "logs",
  ),
  clock,
  log,
  backoff: new Backoff({ initialMs: 20, maxMs: 100 }),
  origin: { resource: () => RESOURCE, scope: { name: "unitwatch", version: "1" } },
  exported: () => {},
  failed: () => {},
  dropped: (records) => log.error("dropped", { records }),
});

const firstAtMs = clock.monotonicMs();
const first = next;
setInterval(() => {
  const due = first + Math.ceil((clock.monotonicMs() - firstAtMs) * Number(perMs));
  while (next < Math.min(due, Number(changes))) {
    // As for an event: the resume point moves, then the state, and then the record is emitted.
    const uid = next;
    next += 1;
    store.touch("container");
    logger.emit({ body: `change ${uid}`, attributes: { "log.record.uid": String(uid) } });
  }
}, 1);
