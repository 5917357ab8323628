/** Engines in the virtual machine with cgroup v2: docker as root, podman as an ordinary user. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engine, engineAt, newRunId } from "../support/engine/docker.ts";
import { slowerBy } from "../support/slowness.ts";
import { podmanCommand } from "../support/podman/private-podman.ts";
import { startVm, type VirtualMachine } from "../support/vm/vm.ts";
import { type EnginePlan, type MatrixEngine, podmanRoot } from "./engines.ts";

const AS_USER = "runuser -u app -- env XDG_RUNTIME_DIR=/run/user/$(id -u app) systemctl --user";

export const VM_ENGINES: readonly EnginePlan[] = [
  {
    name: "vm-docker",
    note: "cgroup v2",
    async open() {
      await using stack = new AsyncDisposableStack();
      const vm = stack.use(await startVm());
      const engine = engineAt({ host: vm.docker, runId: newRunId() });
      const daemon = { systemctl: "systemctl", unit: "docker.service" };
      return guestEngine({ vm, engine, daemon, stack: stack.move() });
    },
  },
  {
    name: "vm-podman",
    note: "cgroup v2, rootless",
    async open() {
      await using stack = new AsyncDisposableStack();
      const vm = stack.use(await startVm());
      const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
      stack.defer(() => rm(dir, { recursive: true, force: true }));
      const command = await podmanCommand(join(dir, "bin"), await podmanRoot("sid"));
      const host = await vm.startPodman();
      const engine = engineAt({ host, runId: newRunId(), cli: [command, "--url"] });
      const daemon = { systemctl: AS_USER, unit: "podman-api.service" };
      return guestEngine({ vm, engine, daemon, stack: stack.move() });
    },
  },
];

interface GuestEngine {
  readonly vm: VirtualMachine;
  readonly engine: Engine;
  readonly daemon: { readonly systemctl: string; readonly unit: string };
  readonly stack: AsyncDisposableStack;
}

/** Without KVM a command in the guest takes this many times as long as outside. */
const SLOWER_BY = 10;

async function guestEngine({ vm, engine, daemon, stack }: GuestEngine): Promise<MatrixEngine> {
  const { systemctl, unit } = daemon;
  stack.use(slowerBy(SLOWER_BY));
  // An earlier run that was killed left its containers on the disk.
  const ids = await engine.docker(["ps", "-aq"]);
  if (ids !== "") await engine.docker(["rm", "--force", ...ids.split("\n")]);
  return {
    engine,
    version: await engine.docker(["version", "--format={{.Server.Version}}"]),
    isSlow: true,
    hasControllers: true,
    nodeArgs: ["--sysctl=net.unix.max_dgram_qlen=4096"],
    async kill() {
      await vm.run(`${systemctl} kill --kill-whom=main --signal=KILL ${unit}`);
    },
    async start() {
      await vm.run(`${systemctl} reset-failed ${unit}; ${systemctl} start ${unit}`);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
