import { stripVTControlCharacters } from "node:util";
import { type ContainerOptions, runContainer, TestContainer } from "./container.ts";
import type { Engine } from "./docker.ts";
import { ensureImage, imageName, type Suite } from "./images.ts";
import { eventually } from "../eventually.ts";
import { slowMs, slowSeconds } from "../slowness.ts";

/**
 * Services of the node: all, no logind (as in a container for one service), neither dbus nor logind
 * (as in a kind or minikube node), or no journal.
 */
export type NodeVariant = "full" | "no-logind" | "no-dbus" | "no-journald";

export interface NodeOptions extends Omit<ContainerOptions, "image" | "command"> {
  /** Default `full`. */
  readonly variant?: NodeVariant;
  /** Default bookworm. The first use of a suite takes a minute to make its image. */
  readonly suite?: Suite;
  /**
   * True to give systemd only cgroup v2; on a host with cgroup v1 it then has no controllers.
   * Default false.
   */
  readonly unified?: boolean;
  /** True to return only when systemd has booted. Default true. */
  readonly waitReady?: boolean;
}

/** Record of the journal; fields with several or binary values are arrays. */
export type JournalRecord = Readonly<Record<string, string | readonly unknown[] | null>>;

/** Container with systemd. */
export class TestNode extends TestContainer {
  /**
   * Waits until systemd has booted, on an idle machine at most 30 s; returns `running`, or `degraded` if a unit failed.
   * Call it again after each start of the container.
   */
  async ready(): Promise<string> {
    if (await isCgroupV2(this.engine)) await this.#hasServices();
    // The command itself fails if the container has ended.
    const wait = ["sh", "-c", WAIT_READY, "sh", slowSeconds(30)];
    const { stdout, stderr } = await this.tryExec(wait);
    const state = stdout.trim();
    if (state === "running" || state === "degraded") return state;
    throw new Error(await this.#whyNotReady(state || stderr.trim()));
  }

  /** Waits for its first service: with cgroup v2 an earlier command can cost units their limits. */
  async #hasServices(): Promise<void> {
    await eventually(async () => {
      const running = await this.processes().catch(() => undefined);
      // A container that has ended shows why below.
      return running === undefined || running.some(({ args }) => SERVICE.test(args));
    });
  }

  /** Returns why it didn't boot, with the end of what it has printed to its console. */
  async #whyNotReady(state: string): Promise<string> {
    const { Status: status, ExitCode: code } = (await this.inspect()).State;
    const reason =
      status === "exited" ? `exited with code ${code}` : state || "no reply from systemd";
    const logs = ["logs", `--tail=${CONSOLE_LINES}`, this.id];
    const { stdout, stderr } = await this.engine.tryDocker(logs);
    const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
    const shown = lines.map((line) => `\n  ${stripVTControlCharacters(line).trimEnd()}`).join("");
    const console = lines.length === 0 ? "; its console is empty" : `; its console:${shown}`;
    return `node ${this.name} did not boot: ${reason}${console}`;
  }

  systemctl(...args: readonly string[]): Promise<string> {
    return this.exec(["systemctl", "--no-pager", ...args]);
  }

  /** Writes or replaces a unit file, and reloads systemd. */
  async writeUnit(name: string, text: string): Promise<void> {
    const write = 'cat >"/etc/systemd/system/$1" && systemctl daemon-reload';
    await this.exec(["sh", "-c", write, "sh", name], { input: text });
  }

  async startUnit(name: string): Promise<void> {
    await this.systemctl("start", "--", name);
  }

  /**
   * Sends the signal to the unit's main process. Returns before systemd notices its end. Every
   * version has this flag by this name.
   */
  async crash(name: string, signal = "SIGKILL"): Promise<void> {
    await this.systemctl("kill", "--kill-who=main", `--signal=${signal}`, "--", name);
  }

  /**
   * Ends the service as systemd-oomd does: marks its cgroup, which systemd checks when a process of
   * the service ends, and kills its main process. The Result is `oom-kill`. Requires `unified`.
   */
  async oomdKill(name: string): Promise<void> {
    await this.exec(["sh", "-c", OOMD_KILL, "sh", name]);
  }

  /** Waits until the unit has this ActiveState, on an idle machine at most 15 s. @throws at the limit */
  async waitUnit(name: string, activeState: string): Promise<void> {
    const pause = String(slowMs(20) / 1_000);
    const script = ["sh", "-c", WAIT_UNIT, "sh", name, activeState, pause];
    await this.exec(["timeout", slowSeconds(15), ...script]);
  }

  /** Runs `journalctl` with these arguments; returns its records. */
  async journal(...args: readonly string[]): Promise<JournalRecord[]> {
    return recordsOf(await this.exec([...JOURNALCTL, ...args]));
  }

  /** The same, once journald has written all that it has received. */
  async syncedJournal(...args: readonly string[]): Promise<JournalRecord[]> {
    const script = 'journalctl --sync && exec "$@"';
    return recordsOf(await this.exec(["sh", "-c", script, "sh", ...JOURNALCTL, ...args]));
  }
}

const JOURNALCTL = ["journalctl", "--no-pager", "--output=json"];

function recordsOf(lines: string): JournalRecord[] {
  return lines === "" ? [] : lines.split("\n").map((line) => JSON.parse(line) as JournalRecord);
}

/** Starts a node without network, with the labels of `options` and {@link TEST_LABEL}. */
export async function startNode(engine: Engine, options: NodeOptions): Promise<TestNode> {
  const { variant = "full", suite = "bookworm", unified = false, waitReady = true } = options;
  const [, v2] = await Promise.all([ensureImage(engine, suite), isCgroupV2(engine)]);
  const init = ["/sbin/init", ...MASKED[variant].map((unit) => `systemd.mask=${unit}`)];
  const mount = v2 ? REMOUNT : unified || suite === "sid" ? MOUNT : undefined;
  const cgroupArgs = mount
    ? ["--cgroupns=private"]
    : ["--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"];
  const id = await runContainer(engine, {
    ...options,
    image: imageName(suite),
    command: mount ? ["sh", "-c", mount, ...init] : init,
    args: [`--hostname=${options.name}`, ...SYSTEMD_ARGS, ...cgroupArgs, ...(options.args ?? [])],
  });
  const node = new TestNode(engine, id, options.name);
  try {
    if (waitReady) await node.ready();
  } catch (error) {
    await node.remove();
    throw error;
  }
  return node;
}

/** Services of a node; each kind of node has one of them. */
const SERVICE = /\/systemd-journald\b|\/systemd-logind\b|\bdbus-(?:daemon|broker)\b|\bagetty\b/;

/** Last lines of the console of a node that didn't boot. */
const CONSOLE_LINES = 20;

const MASKED = {
  full: [],
  "no-logind": ["systemd-logind.service"],
  "no-dbus": ["systemd-logind.service", "dbus.service", "dbus.socket"],
  "no-journald": [
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald-audit.socket",
  ],
} as const satisfies Record<NodeVariant, readonly string[]>;

const SYSTEMD_ARGS = [
  "--stop-signal=SIGRTMIN+3",
  "--cap-add=SYS_ADMIN",
  "--security-opt=seccomp=unconfined",
  "--security-opt=apparmor=unconfined",
  "--tmpfs=/run:exec,mode=755",
  "--tmpfs=/run/lock",
  "--tmpfs=/tmp",
];

// systemctl fails until systemd listens. The script polls inside the container, because each exec
// leaves three events in the engine.
const WAIT_READY = `
end=$(($(date +%s) + $1))
until [ -S /run/systemd/private ] && state=$(systemctl is-system-running --wait) || [ -n "$state" ]
do
  [ "$(date +%s)" -lt "$end" ] || exit 0
  sleep 0.02
done
echo "$state"`;

const WAIT_UNIT = `
until [ "$(systemctl show --property=ActiveState --value -- "$1")" = "$2" ]
do sleep "$3"
done`;

/** Number of setxattr(2) on all platforms but x86, see include/uapi/asm-generic/unistd.h. */
const OOMD_KILL = `
set -eu
cgroup=/sys/fs/cgroup$(systemctl show --property=ControlGroup --value -- "$1")
case $(uname -m) in x86_64) setxattr=188 ;; *) setxattr=5 ;; esac
for name in user.oomd_ooms user.oomd_kill; do
  perl -e 'my ($call, $path, $name) = @ARGV; my $value = "1";
    syscall($call + 0, $path, $name, $value, 1, 0) == 0 or die "setxattr $path: $!"' \
    "$setxattr" "$cgroup" "$name"
done
systemctl kill --kill-who=main --signal=SIGKILL -- "$1"`;

// On v2 the container has its own cgroup tree, which docker mounts read-only.
const REMOUNT = 'mount -o remount,bind,rw /sys/fs/cgroup && exec "$0" "$@"';

// systemd of sid refuses cgroup v1. This v2 tree has no controllers.
const MOUNT = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$0" "$@"';

const cgroupV2 = new Map<string, Promise<boolean>>();

function isCgroupV2(engine: Engine): Promise<boolean> {
  const known =
    cgroupV2.get(engine.host) ?? cgroupVersion(engine).then((version) => /^v?2$/.test(version));
  cgroupV2.set(engine.host, known);
  return known;
}

async function cgroupVersion(engine: Engine): Promise<string> {
  const { exitCode, stdout } = await engine.tryDocker(["info", "--format={{.CgroupVersion}}"]);
  // podman's name of it.
  return exitCode === 0 ? stdout : engine.docker(["info", "--format={{.Host.CgroupsVersion}}"]);
}
