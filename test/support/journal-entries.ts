import type { TestNode } from "./engine/node.ts";
import type { ReceivedLog } from "./otlp-receiver.ts";

/** An entry of a node's journal, and what a record of it has. */
export interface Entry {
  readonly timeNs: string;
  readonly body: unknown;
  readonly pid: number;
  readonly identifier: unknown;
  readonly run: unknown;
}

/** Returns the entries of a unit, and those of systemd about it, as the node's own journalctl has them. */
export async function trueEntries(node: TestNode, unit: string): Promise<readonly Entry[]> {
  const found = await node.journal(`_SYSTEMD_UNIT=${unit}`, "+", "_PID=1", `UNIT=${unit}`);
  return found.map((entry) => ({
    timeNs: `${String(entry["__REALTIME_TIMESTAMP"])}000`,
    body: entry["MESSAGE"],
    pid: Number(entry["_PID"]),
    identifier: entry["SYSLOG_IDENTIFIER"],
    run: entry["_PID"] === "1" ? entry["INVOCATION_ID"] : entry["_SYSTEMD_INVOCATION_ID"],
  }));
}

/** Returns the entries of a unit that came, each once: what was sent just before a SIGKILL may come again. */
export function sentEntries(logs: readonly ReceivedLog[], unit: string): readonly Entry[] {
  const own = logs.filter(({ attributes }) => attributes["systemd.unit.name"] === unit);
  const entries = own.filter(({ eventName }) => eventName === "systemd.journal");
  const byUid = new Map<unknown, ReceivedLog>();
  for (const entry of entries) {
    const uid = entry.attributes["log.record.uid"];
    if (!byUid.has(uid)) byUid.set(uid, entry);
  }
  return [...byUid.values()].map(({ timeNs, body, attributes }) => ({
    timeNs: String(timeNs),
    body,
    pid: Number(attributes["process.pid"]),
    identifier: attributes["syslog.identifier"],
    run: attributes["systemd.invocation_id"],
  }));
}
