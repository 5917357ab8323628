// An example of docs/library.md. pages.test.ts checks that both are equal.
import { EventKind, execaExecutor, Watcher } from "../../../src/index.ts";

const watcher = new Watcher(execaExecutor(), "sind-dev-", "dev");
using events = watcher.subscribe();
await watcher.start(
  [
    { shortName: "controller", container: "sind-dev-controller" },
    { shortName: "worker-0", container: "sind-dev-worker-0" },
  ],
  { signal: AbortSignal.timeout(60_000) },
);
for await (const event of events) {
  if (event.kind === EventKind.UnitFailed) console.log(event.node, event.unit, event.detail);
}
