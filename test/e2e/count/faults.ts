import { setTimeout as delay } from "node:timers/promises";
import type { TestNode } from "../../support/engine/node.ts";
import type { SocketProxy } from "../../support/socket-proxy.ts";
import type { Unitwatch } from "../../support/unitwatch.ts";
import type { LoadUnit } from "./load.ts";
import type { Random } from "./random.ts";

/** Target of faults: a node with its load. */
export interface Scene {
  readonly node: TestNode;
  readonly units: readonly LoadUnit[];
  readonly hasBus: boolean;
  readonly unitwatch: () => Unitwatch;
  /** Proxy between unitwatch and the engine. */
  readonly proxy: SocketProxy;
  readonly random: Random;
}

export interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly needsBus?: boolean;
  do(scene: Scene): Promise<unknown>;
}

/** Commands that unitwatch runs in a node. */
const WATCHING = /^(?:systemd-stdio-bridge|journalctl|busctl)/;

/** Nodes that are about to be paused. */
let pausing = 0;

const SIGNALS = ["SIGKILL", "SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGHUP", "SIGUSR1"];

/** None of these loses anything: the journal has what a stream misses. */
export const LOSSLESS_FAULTS: readonly Fault[] = [
  {
    name: "crash",
    weight: 24,
    do: ({ node, units, random }) =>
      systemctl(
        node,
        "kill",
        "--kill-who=main",
        `--signal=${random.pick(SIGNALS)}`,
        ...victim(units, random),
      ),
  },
  {
    name: "crash twice",
    weight: 8,
    do: ({ node, units, random }) => {
      const [dashes, name] = victim(units, random);
      const kill = "systemctl kill --kill-who=main --signal=SIGKILL";
      const script = `${kill} -- "$1"; systemctl start -- "$1"; ${kill} -- "$1"`;
      return node.tryExec(["sh", "-c", script, "sh", name ?? dashes ?? ""]);
    },
  },
  {
    name: "start",
    weight: 12,
    do: ({ node, units, random }) => systemctl(node, "start", "--no-block", ...some(units, random)),
  },
  {
    name: "reset and start",
    weight: 10,
    do: ({ node, units, random }) => {
      const names = some(units, random).slice(1);
      const script = 'systemctl reset-failed -- "$@"; systemctl start --no-block -- "$@"';
      return node.tryExec(["sh", "-c", script, "sh", ...names]);
    },
  },
  {
    name: "restart unit",
    weight: 6,
    do: ({ node, units, random }) =>
      systemctl(node, "restart", "--no-block", ...some(units, random)),
  },
  {
    name: "stop",
    weight: 3,
    do: ({ node, units, random }) => systemctl(node, "stop", "--no-block", ...some(units, random)),
  },
  { name: "reset-failed", weight: 3, do: ({ node }) => systemctl(node, "reset-failed") },
  {
    name: "transient unit",
    weight: 5,
    do: ({ node, random }) =>
      node.tryExec([
        "systemd-run",
        "--collect",
        "--no-block",
        "sh",
        "-c",
        `exit ${random.between(1, 255)}`,
      ]),
  },
  {
    name: "start of everything",
    weight: 4,
    do: ({ node, units }) =>
      systemctl(node, "start", "--no-block", "--", ...units.map(({ name }) => name)),
  },
  {
    name: "unit file deleted, and written again",
    weight: 2,
    do: ({ node }) =>
      node.tryExec([
        "sh",
        "-c",
        "cd /etc/systemd/system; mv once.service /tmp; systemctl daemon-reload; systemctl reset-failed once.service; mv /tmp/once.service .; systemctl daemon-reload",
      ]),
  },
  { name: "daemon-reload", weight: 4, do: ({ node }) => systemctl(node, "daemon-reload") },
  { name: "daemon-reexec", weight: 3, do: ({ node }) => systemctl(node, "daemon-reexec") },
  {
    name: "restart of dbus",
    weight: 3,
    needsBus: true,
    do: ({ node }) => systemctl(node, "restart", "dbus.service"),
  },
  {
    name: "kill of dbus-daemon",
    weight: 2,
    needsBus: true,
    do: ({ node }) => node.tryExec(["pkill", "-KILL", "-x", "dbus-daemon"]),
  },
  {
    name: "kill of the bridge",
    weight: 5,
    do: ({ node }) => node.tryExec(["pkill", "-KILL", "-x", "systemd-stdio-b"]),
  },
  {
    name: "kill of the engine's exec command",
    weight: 3,
    async do({ node, unitwatch }) {
      for (const { pid, args } of await unitwatch().children()) {
        if (args.includes(" exec ") && args.includes(node.id)) killProcess(pid);
      }
    },
  },
  {
    name: "cut of all connections to the engine",
    weight: 1,
    do: async ({ proxy }) => {
      if (pausing === 0) proxy.cut();
    },
  },
  {
    name: "pause",
    weight: 3,
    async do({ node, random, unitwatch }) {
      const lengthMs = random.between(0, 1_500);
      // dockerd hangs if it freezes a command that is just being started. So this waits until the
      // stream is open and its command runs: then unitwatch starts none.
      pausing += 1;
      await unitwatch().until(async (scrape) => {
        const commands = (await node.processes()).filter(({ args }) => WATCHING.test(args));
        const of = { container: node.name };
        const isSocket = scrape.value("unitwatch_systemd_up", { ...of, transport: "socket" }) === 1;
        const up = scrape.value("unitwatch_systemd_up", of);
        return up === 1 && commands.length === (isSocket ? 0 : 1);
      });
      // A cgroup v1 that forks all the time can't always be frozen: then there is no fault.
      const paused = await node.engine.tryDocker(["pause", node.id]);
      pausing -= 1;
      if (paused.exitCode !== 0) return;
      await delay(lengthMs);
      await node.unpause();
    },
  },
  {
    name: "restart of the container",
    weight: 1,
    async do({ node, units, random }) {
      await node.restart(5);
      await node.ready();
      await systemctl(node, "start", "--no-block", ...some(units, random));
    },
  },
];

/** Injects one fault after the other until `signal` aborts. Returns the faults. */
export async function harm(
  scene: Scene,
  options: {
    readonly faults: readonly Fault[];
    readonly signal: AbortSignal;
    /** Called when a fault begins. */
    readonly does: (fault: string) => void;
  },
): Promise<void> {
  const { random, hasBus } = scene;
  const faults = options.faults.filter(({ needsBus = false }) => hasBus || !needsBus);
  while (!options.signal.aborted) {
    const fault = random.weighted(faults);
    const pauseMs = random.between(0, 100);
    options.does(fault.name);
    await fault.do(scene);
    await delay(pauseMs);
  }
}

function systemctl(node: TestNode, ...args: readonly string[]): Promise<unknown> {
  return node.tryExec(["systemctl", ...args]);
}

function victim(units: readonly LoadUnit[], random: Random): readonly string[] {
  const names = units.filter(({ isVictim, name }) => isVictim && name.endsWith(".service"));
  return ["--", random.pick(names).name];
}

function some(units: readonly LoadUnit[], random: Random): readonly string[] {
  const names = Array.from({ length: random.between(1, 3) }, () => random.pick(units).name);
  return ["--", ...new Set(names)];
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}
