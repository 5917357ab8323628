import type { TestContainer } from "../support/engine/container.ts";
import { CRASH_TIMES, CRASHES_LEFT, type Stage } from "./stage.ts";

/** Something that is done to the containers, and what unitwatch has to say of it. */
export interface Act {
  readonly what: string;
  /** Does it; gives the Unix milliseconds of each time that it was done, of one clock with ours. */
  readonly deed: (signal: AbortSignal) => Promise<readonly number[]>;
  readonly expected: readonly Expected[];
}

/** Log records that an act leads to. */
export interface Expected {
  readonly eventName: string;
  /** Attributes that they have. */
  readonly attributes: Readonly<Record<string, string>>;
  /** How many records; the first one follows from the first deed, and so on. */
  readonly count: number;
  /** True where it follows from the last deed only. */
  readonly last?: boolean;
}

export const CRASHES = 5;

/** One round of the demo. After it everything is as it was before. */
export function actsOf({ controller, worker, web }: Stage): readonly Act[] {
  return [
    {
      what: "kill -9 the main process of slurmd.service on worker-0",
      deed: script(
        worker,
        "pid=$(systemctl show --property=MainPID --value slurmd); date +%s%N; kill -9 $pid",
      ),
      expected: [unitEvent(worker, "failed", "slurmd.service")],
    },
    {
      what: "systemctl start slurmd.service on worker-0",
      deed: script(worker, "date +%s%N; systemctl start slurmd"),
      expected: [unitEvent(worker, "active", "slurmd.service")],
    },
    {
      what: `slurmctld.service on the controller crashes ${CRASHES} times, then comes up (RestartSec=100ms)`,
      deed: script(
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
      what: "the ordinary container fills its memory, of which it may have 32 MiB",
      deed: script(web, "date +%s%N; kill -USR1 1"),
      expected: [
        containerEvent(web, "oom"),
        containerEvent(web, "die", { "process.exit.code": "137" }),
        containerEvent(web, "restart"),
      ],
    },
  ];
}

/** A deed that is a shell script in the container, which prints its times in nanoseconds. */
function script(container: TestContainer, text: string): Act["deed"] {
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
