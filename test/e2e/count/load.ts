import type { TestNode } from "../../support/engine/node.ts";
import type { Random } from "./random.ts";

/** Unit that fails in a known way. */
export interface LoadUnit {
  readonly name: string;
  readonly text: string;
  /** True if it runs until a fault ends it. */
  readonly isVictim: boolean;
  /** Exit status if it ends by itself. */
  readonly exitCode: number | undefined;
}

export interface LoadOptions {
  readonly random: Random;
  /** True if it needs RestartMode=direct, which systemd has since 254. */
  readonly hasDirectMode: boolean;
}

const NO_LIMIT = "[Unit]\nStartLimitIntervalSec=0\n";

/** Units of every kind that affects the counts. */
export function loadUnits({ random, hasDirectMode }: LoadOptions): LoadUnit[] {
  const units: LoadUnit[] = [];
  const add = (name: string, text: string, exitCode?: number): void => {
    units.push({ name, text, isVictim: exitCode === undefined, exitCode });
  };
  const exits = (name: string, text: (code: number) => string): void => {
    const code = random.between(1, 255);
    add(name, text(code), code);
  };
  add("victim.service", "[Service]\nExecStart=sleep infinity\n");
  add(
    String.raw`odd\x2dvictim@\x22x\x22.service`,
    "[Service]\nExecStart=sleep infinity\nRestart=always\nRestartSec=100ms\n" +
      "[Unit]\nStartLimitIntervalSec=0\n",
  );
  exits("once.service", (code) => `[Service]\nType=oneshot\nExecStart=sh -c 'exit ${code}'\n`);
  exits(
    "loop.service",
    (code) =>
      `${NO_LIMIT}[Service]\nExecStart=sh -c 'sleep 0.1; exit ${code}'\n` +
      "Restart=on-failure\nRestartSec=100ms\n",
  );
  exits(
    "storm.service",
    (code) =>
      "[Unit]\nStartLimitBurst=25\nStartLimitIntervalSec=5s\n" +
      `[Service]\nExecStart=sh -c 'exit ${code}'\nRestart=always\nRestartSec=0\n`,
  );
  exits(
    "limited.service",
    (code) =>
      "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=2s\n" +
      `[Service]\nExecStart=sh -c 'exit ${code}'\nRestart=on-failure\nRestartSec=20ms\n`,
  );
  exits(
    "before.service",
    (code) =>
      `${NO_LIMIT}[Service]\nExecStartPre=sh -c 'exit ${code}'\nExecStart=sleep infinity\n` +
      "Restart=on-failure\nRestartSec=300ms\n",
  );
  add(
    "watchdog.service",
    `${NO_LIMIT}[Service]\nExecStart=sleep infinity\nWatchdogSec=400ms\n` +
      "Restart=on-watchdog\nRestartSec=200ms\n",
  );
  add("late.service", "[Service]\nType=notify\nTimeoutStartSec=200ms\nExecStart=sleep infinity\n");
  add("shut.socket", "[Socket]\nListenStream=/proc/nowhere/socket\n");
  add("shut.service", "[Service]\nExecStart=sleep infinity\n");
  if (hasDirectMode) {
    exits(
      "direct.service",
      (code) =>
        `${NO_LIMIT}[Service]\nExecStart=sh -c 'sleep 0.05; exit ${code}'\n` +
        "Restart=on-failure\nRestartMode=direct\nRestartSec=100ms\n",
    );
    exits(
      "direct-limited.service",
      (code) =>
        "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=2s\n" +
        `[Service]\nExecStart=sh -c 'exit ${code}'\n` +
        "Restart=on-failure\nRestartMode=direct\nRestartSec=0\n",
    );
    add(
      "direct-victim.service",
      `${NO_LIMIT}[Service]\nExecStart=sleep infinity\nExecStopPost=sleep 0.05\n` +
        "Restart=always\nRestartMode=direct\nRestartSec=100ms\n",
    );
  }
  return units;
}

const WRITE = `
mkdir -p /etc/systemd/system
cd /etc/systemd/system
while IFS= read -r name; do
  IFS= read -r text
  printf "$text" >"$name"
done
systemctl daemon-reload`;

/** Writes the units without starting them. */
export async function writeLoad(node: TestNode, units: readonly LoadUnit[]): Promise<void> {
  const lines = units.flatMap(({ name, text }) => [name, text.replaceAll("\n", String.raw`\n`)]);
  await node.exec(["sh", "-c", WRITE], { input: `${lines.join("\n")}\n` });
}

export async function startLoad(node: TestNode, units: readonly LoadUnit[]): Promise<void> {
  const names = units.map(({ name }) => name);
  await node.exec(["systemctl", "start", "--no-block", "--", ...names]);
}

/** Stops the units that restart by themselves; afterwards no unit fails. */
export async function stopLoad(node: TestNode, units: readonly LoadUnit[]): Promise<void> {
  await node.exec(["systemctl", "stop", "--", ...units.map(({ name }) => name)]);
}

/**
 * Arguments of `docker run` for a node whose journal must be complete: with the default of 10, a slow
 * journald loses lines of systemd.
 */
export const LOSSLESS_NODE_ARGS: readonly string[] = ["--sysctl=net.unix.max_dgram_qlen=4096"];

/**
 * Makes the node keep its journal over restarts of the container, without rate limits: the journal is
 * the truth to compare with.
 */
export async function keepJournal(node: TestNode): Promise<void> {
  await node.exec(["sh", "-c", KEEP_JOURNAL]);
}

const KEEP_JOURNAL = `
mkdir -p /var/log/journal /etc/systemd/journald.conf.d
printf '[Journal]\\nStorage=persistent\\nRateLimitIntervalSec=0\\n' >/etc/systemd/journald.conf.d/count.conf
systemctl restart systemd-journald
journalctl --flush`;
