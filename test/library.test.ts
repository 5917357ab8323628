import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, test } from "@jest/globals";
import * as library from "../src/index.ts";
import { type Event, EventKind, execaExecutor, type Subscription, Watcher } from "../src/index.ts";

test("exports the public names", () => {
  expect(Object.keys(library).sort()).toEqual([
    "DockerMonitor",
    "EventKind",
    "SystemdMonitor",
    "Watcher",
    "dockerEventsArgs",
    "emitLogRecords",
    "execaExecutor",
    "systemdMonitorArgs",
  ]);
});

/** Replaces the docker command: prints an event, then an event with its pid, then waits. */
const DOCKER = `#!/bin/sh
case $1 in
  events) echo '{"Type":"container","Action":"start","Actor":{"Attributes":{"name":"sind-dev-a"}},"time":1}';;
  exec) echo "Error: No such container: $2" >&2; exit 1;;
esac
echo '{"Type":"container","Action":"die","Actor":{"Attributes":{"name":"sind-dev-pid","exitCode":"'$$'"}},"time":1}'
exec sleep 600
`;

async function take(subscription: Subscription, count: number): Promise<Event[]> {
  const events: Event[] = [];
  while (events.length < count) {
    const result = await subscription.next();
    if (result.done === true) break;
    events.push(result.value);
  }
  return events;
}

test("watches with real processes and ends them when aborted", async () => {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-library-"));
  await writeFile(join(folder, "docker"), DOCKER);
  await chmod(join(folder, "docker"), 0o755);
  const path = process.env["PATH"];
  process.env["PATH"] = `${folder}${delimiter}${path}`;
  try {
    const controller = new AbortController();
    const watcher = new Watcher(execaExecutor(), "sind-dev-", "dev");
    using subscription = watcher.subscribe();
    await watcher.start([{ shortName: "b", container: "sind-dev-b" }], controller);
    const events = await take(subscription, 3);

    const byKind = new Map(events.map((event) => [event.kind, event]));
    expect(byKind.get(EventKind.ContainerStart)).toMatchObject({ node: "a" });
    expect(byKind.get(EventKind.MonitorLost)).toMatchObject({
      node: "b",
      detail: 'systemd monitor stream ended: exit code 1, "Error: No such container: sind-dev-b"',
    });
    const pid = Number(byKind.get(EventKind.ContainerDie)?.detail.split("=")[1]);
    process.kill(pid, 0);

    controller.abort();
    await watcher.wait();
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await Array.fromAsync(subscription)).toEqual([]);
  } finally {
    process.env["PATH"] = path;
    await rm(folder, { recursive: true });
  }
});
