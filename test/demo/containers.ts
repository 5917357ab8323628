import { type ContainerOptions, runContainer, TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { imageName } from "../support/engine/images.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";

/** Containers of the demo. */
export interface DemoContainers {
  /** Value of the label `sind.cluster`, which no other container has. */
  readonly cluster: string;
  readonly controller: TestNode;
  readonly worker: TestNode;
  /** Without systemd. */
  readonly web: TestContainer;
}

/** Starts a cluster of two nodes and a container without systemd. Requires their image. */
export async function startContainers(
  engine: Engine,
  signal: AbortSignal,
): Promise<DemoContainers> {
  // A shared engine may run another demo.
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

/** Starts a container that the engine restarts on failure. SIGUSR1 makes it exceed its memory limit. */
async function startWeb(engine: Engine, options: ContainerOptions): Promise<TestContainer> {
  const id = await runContainer(engine, {
    ...options,
    image: imageName("bookworm"),
    command: ["sh", "-c", "trap 'exec tail /dev/zero' USR1; while :; do sleep 1000 & wait; done"],
    args: ["--memory=32m", "--memory-swap=32m", "--restart=on-failure"],
  });
  return new TestContainer(engine, id, options.name);
}

/** Service without a restart policy. */
const SLURMD = `[Service]
ExecStart=sleep infinity
`;

/** File from which {@link SLURMCTLD} reads how many of its next starts must fail. */
export const CRASHES_LEFT = "/run/crashes-left";
/** File to which it appends the times of these failures. */
export const CRASH_TIMES = "/run/crash-times";

/** Service that systemd restarts on failure. `$$` and `%%` are `$` and `%` in unit files. */
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
