import { writeFileSync } from "node:fs";
import { copyFile, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { suiteRoot } from "../debian-command.ts";
import { rejectChroot } from "../engine/chroot.ts";
import { newRunId } from "../engine/docker.ts";
import { onEngineHost } from "../engine/engine-host.ts";
import { nodeTars } from "../engine/images.ts";
import { layEngineScripts } from "../engine/private-engine-files.ts";
import { superviseDaemon } from "../engine/supervised-daemon.ts";
import { eventually } from "../eventually.ts";
import { slowSeconds } from "../slowness.ts";

/** Runtimes of containers that have no engine's API. */
export type HostKind = "containerd" | "lxc" | "nspawn";

export interface HostPlan {
  readonly kind: HostKind;
  /** Debian suite of the runtime. Nodes have bookworm. */
  readonly suite: string;
}

const PACKAGES: Readonly<Record<HostKind, readonly string[]>> = {
  containerd: ["containerd", "runc"],
  lxc: ["lxc"],
  nspawn: ["systemd-container"],
};
/** Node.js and the scripts need these. */
const TOOLS = ["grep", "libstdc++6", "procps", "sed", "tar"];
const PROJECT = join(import.meta.dirname, "../../..");

/**
 * A host with a runtime of containers in its own mount and pid namespaces, from unpacked packages. It
 * ends with this process, with all that runs in it.
 */
export interface PrivateHost extends AsyncDisposable {
  readonly plan: HostPlan;
  /** Arguments that run a command on the host. */
  readonly enter: readonly string[];
  /** Starts a container: with systemd, or with a command as PID 1. */
  start(name: string, command?: readonly string[]): Promise<HostNode>;
}

/** A container of a host. */
export class HostNode {
  readonly name: string;
  readonly #act: (action: string, words: readonly string[], input?: string) => Promise<string>;
  readonly #command: readonly string[];

  constructor(
    name: string,
    command: readonly string[],
    act: (action: string, words: readonly string[], input?: string) => Promise<string>,
  ) {
    this.name = name;
    this.#command = command;
    this.#act = act;
  }

  /** Runs a command in the container; returns its output without the last line end. */
  exec(words: readonly string[], { input }: { readonly input?: string } = {}): Promise<string> {
    return this.#act("exec", [this.name, ...words], input);
  }

  systemctl(...words: readonly string[]): Promise<string> {
    return this.exec(["systemctl", "--no-pager", ...words]);
  }

  /** Waits until systemd has booted. */
  async ready(): Promise<void> {
    const script = `timeout ${slowSeconds(30)} systemctl is-system-running --wait || true`;
    await eventually(
      async () => {
        const state = await this.exec(["sh", "-c", script]).catch(() => "");
        return /^(?:running|degraded)$/.test(state.trim());
      },
      { withinMs: 60_000 },
    );
  }

  /** Kills PID 1, and returns when the container has ended. */
  async kill(): Promise<void> {
    await this.#act("kill", [this.name]);
  }

  /** Starts it again after its end. */
  async startAgain(): Promise<void> {
    await this.#act("start", [this.name, ...this.#command]);
  }
}

/** Starts a host. Its packages are unpacked once per machine. */
export async function startPrivateHost(plan: HostPlan): Promise<PrivateHost> {
  await rejectChroot();
  const { kind, suite } = plan;
  const name = `host-${kind}-${suite}`;
  const root = await suiteRoot({ name, suite, packages: [...PACKAGES[kind], ...TOOLS] });
  const tars = await nodeTars("bookworm");
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  const at = (file: string): string => join(dir, file);
  await layEngineScripts(dir, join(import.meta.dirname, "host-engine.sh"), root);
  await copyFile(join(import.meta.dirname, "host-node.sh"), at("host-node.sh"));
  await copyFile(tars.node, at("node.tar"));
  await writeFile(at("kind"), kind);
  await writeFile(at("shown"), `${PROJECT}\n${dirname(process.execPath)}\n`);
  await writeFile(at("containerd.toml"), CONTAINERD);
  const runId = newRunId();
  const cgroup = `unitwatch-${runId}`;
  const daemon = superviseDaemon({ dir, cgroup, socket: { ready: at("ready") } });
  const names: string[] = [];
  await using stack = new AsyncDisposableStack();
  stack.defer(() => daemon.dispose());
  await daemon.start();
  const enter = onEngineHost(`unix://${at("none.sock")}`);
  const act = async (action: string, words: readonly string[], input?: string): Promise<string> => {
    const [command = "", ...before] = [...enter, "sh", at("host-node.sh"), kind, action, ...words];
    const { stdout } = await execa(command, before, input === undefined ? {} : { input });
    return stdout;
  };
  if (kind === "containerd") {
    const [command, ...before] = [...enter, "ctr", "version"];
    await eventually(() => execa(command, before).then(() => true));
  }
  const owned = stack.move();
  return {
    plan,
    enter,
    async start(short, command = []) {
      const full = `${short}-${runId}`;
      names.push(...CGROUPS[kind].map((path) => path.replace("NAME", full)));
      // Containers start side by side: the newest list has to be the last one that is written.
      writeFileSync(at("cgroups"), [...names, ...PARENTS, ""].join("\n"));
      await act("start", [full, ...command]);
      return new HostNode(full, command, act);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Cgroups of a container, which stay after a runtime that was killed. */
const CGROUPS: Readonly<Record<HostKind, readonly string[]>> = {
  containerd: ["default/NAME"],
  lxc: ["lxc.payload.NAME", "lxc.monitor.NAME"],
  nspawn: ["machine.slice/systemd-nspawn@NAME.service"],
};

/** Cgroups that runtimes make beside or above those. */
const PARENTS = ["default", "lxc.pivot", "machine.slice"];

const CONTAINERD = `version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
`;
