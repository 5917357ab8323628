import { type ContainerOptions, runContainer, TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { imageName } from "../support/engine/images.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";

/** The containers that the demo plays with. */
export interface Stage {
  /** Value of the label `sind.cluster`, which no other container has. */
  readonly cluster: string;
  readonly controller: TestNode;
  readonly worker: TestNode;
  /** Without systemd. */
  readonly web: TestContainer;
}

/** Starts a cluster of two nodes and an ordinary container; their images are there already. */
export async function setStage(engine: Engine, signal: AbortSignal): Promise<Stage> {
  // Where the engine has other users, another demo may be one of them.
  const cluster = engine.isPrivate ? "demo" : `demo-${engine.runId.slice(0, 4)}`;
  const labels = { "sind.realm": "sind", "sind.cluster": cluster };
  const options = (node: string): ContainerOptions => ({ name: `sind-${cluster}-${node}`, labels });

  const controller = await startNode(engine, { ...options("controller"), waitReady: false });
  signal.throwIfAborted();
  const worker = await startNode(engine, { ...options("worker-0"), waitReady: false });
  signal.throwIfAborted();
  const web = await startWeb(engine, options("web"));
  signal.throwIfAborted();

  await Promise.all([controller.ready(), worker.ready()]);
  signal.throwIfAborted();
  await controller.writeUnit("slurmctld.service", SLURMCTLD);
  await controller.startUnit("slurmctld.service");
  await worker.writeUnit("slurmd.service", SLURMD);
  await worker.startUnit("slurmd.service");
  signal.throwIfAborted();
  return { cluster, controller, worker, web };
}

/** Restarted by the engine when it fails. On SIGUSR1 it takes more memory than it may have. */
async function startWeb(engine: Engine, options: ContainerOptions): Promise<TestContainer> {
  const id = await runContainer(engine, {
    ...options,
    image: imageName("bookworm"),
    command: ["sh", "-c", "trap 'exec tail /dev/zero' USR1; while :; do sleep 1000 & wait; done"],
    args: ["--memory=32m", "--memory-swap=32m", "--restart=on-failure"],
  });
  return new TestContainer(engine, id, options.name);
}

/** A service that stays down when it fails. */
const SLURMD = `[Service]
ExecStart=sleep infinity
`;

/** Where {@link SLURMCTLD} finds how many of its next starts fail, and leaves when they did. */
export const CRASHES_LEFT = "/run/crashes-left";
export const CRASH_TIMES = "/run/crash-times";

/** A service that systemd restarts when it fails. In unit files `$$` and `%%` stand for `$`, `%`. */
const SLURMCTLD = `[Unit]
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
Restart=on-failure
RestartSec=100ms
ExecStart=sh -c 'read -r n <${CRASHES_LEFT}; \\
  if [ "0$$n" -gt 0 ]; then \\
    echo $$((n - 1)) >${CRASHES_LEFT}; date +%%s%%N >>${CRASH_TIMES}; exit 1; \\
  fi; \\
  systemd-notify --ready; exec sleep infinity'
`;
