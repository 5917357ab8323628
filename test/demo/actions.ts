import type { TestContainer } from "../support/engine/container.ts";
import { CRASH_TIMES, CRASHES_LEFT, type DemoContainers } from "./containers.ts";

/** Action on a container, and the log records that unitwatch must send for it. */
export interface DemoAction {
  readonly title: string;
  /** Runs it; returns when each of its parts happened: Unix milliseconds by the host's clock. */
  readonly run: (signal: AbortSignal) => Promise<readonly number[]>;
  readonly expected: readonly Expected[];
}

/** Log records that an action leads to. */
export interface Expected {
  readonly eventName: string;
  /** Attributes that the records have, among others. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Number of records; the first belongs to the action's first time, and so on. */
  readonly count: number;
  /** True if the record belongs to the action's last time. */
  readonly last?: boolean;
}

export const CRASHES = 5;

/** Returns the actions of one round. They leave the containers as they were. */
export function demoActions({ controller, worker, web }: DemoContainers): readonly DemoAction[] {
  return [
    {
      title: "kill -9 the main process of slurmd.service on worker-0",
      run: script(
        worker,
        "pid=$(systemctl show --property=MainPID --value slurmd); date +%s%N; kill -9 $pid",
      ),
      expected: [unitEvent(worker, "failed", "slurmd.service")],
    },
    {
      title: "systemctl start slurmd.service on worker-0",
      run: script(worker, "date +%s%N; systemctl start slurmd"),
      expected: [unitEvent(worker, "active", "slurmd.service")],
    },
    {
      title: `slurmctld.service on the controller crashes ${CRASHES} times, then comes up (RestartSec=100ms)`,
      run: script(
        controller,
        `echo ${CRASHES} >${CRASHES_LEFT}; rm -f ${CRASH_TIMES}; systemctl restart slurmctld
        until systemctl --quiet is-active slurmctld; do sleep 0.02; done; cat ${CRASH_TIMES}`,
      ),
      expected: [
        unitEvent(controller, "failed", "slurmctld.service", CRASHES),
        unitEvent(controller, "restart", "slurmctld.service", CRASHES),
        { ...unitEvent(controller, "active", "slurmctld.service"), last: true },
      ],
    },
    {
      title: "the container without systemd exceeds its memory limit of 32 MiB",
      run: script(web, "date +%s%N; kill -USR1 1"),
      expected: [
        containerEvent(web, "oom"),
        containerEvent(web, "die", { "process.exit.code": "137" }),
        containerEvent(web, "restart"),
      ],
    },
  ];
}

/** Returns an action that runs a shell script in the container; the script prints its times in nanoseconds. */
function script(container: TestContainer, text: string): DemoAction["run"] {
  return async (signal) => {
    const { exitCode, stdout, stderr } = await container.tryExec(["sh", "-c", text], { signal });
    const times = stdout.split("\n").filter((line) => /^\d+$/.test(line));
    if (times.length > 0) return times.map((ns) => Number(BigInt(ns) / 1_000n) / 1_000);
    throw new Error(`${container.name}: exit code ${exitCode}: ${stderr}`);
  };
}

function unitEvent(node: TestContainer, event: string, unit: string, count = 1): Expected {
  const attributes = { "container.name": node.name, "systemd.unit.name": unit };
  return { eventName: `systemd.unit.${event}`, attributes, count };
}

function containerEvent(
  container: TestContainer,
  event: string,
  more: Readonly<Record<string, string>> = {},
): Expected {
  const attributes = { "container.name": container.name, ...more };
  return { eventName: `docker.container.${event}`, attributes, count: 1 };
}
