/**
 * A Debian host with cgroup v2 in qemu, for machines that have cgroup v1. It needs no KVM and has no
 * network: this machine's loopback interface reaches docker, and podman as an ordinary user. Without
 * KVM a container takes some ten times as long to start as outside. Disk and kernel are made once per
 * machine, in the cache; the disk keeps its images from run to run.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "../cache-dir.ts";
import { suiteRoot } from "../debian-command.ts";
import { debianMirror } from "../engine/debian-mirror.ts";
import { ensureImage } from "../engine/images.ts";
import { ensureCommands, systemEnv } from "../engine/packages.ts";
import { startPrivateEngine } from "../engine/private-engine.ts";
import { eventually } from "../eventually.ts";
import { GuestShell } from "./guest-shell.ts";

export interface VirtualMachine extends AsyncDisposable {
  /** Address of docker, which runs as root, in the format of DOCKER_HOST. */
  readonly docker: string;
  /** Starts podman's API as an ordinary user; returns its address. */
  startPodman(): Promise<string>;
  /** Runs a command as root in the guest; returns its output. @throws if its exit code isn't 0 */
  run(command: string): Promise<string>;
}

/** Suite of the guest, and of its kernel: newer kernels boot much slower without KVM. */
const GUEST_SUITE = "sid";
const KERNEL_SUITE = "trixie";

const COMMANDS = {
  "qemu-system-x86_64": "qemu-system-x86",
  debootstrap: "debootstrap debian-archive-keyring",
  "mkfs.ext4": "e2fsprogs",
  setpriv: "util-linux",
} as const;

/** Ports of the APIs in the guest. */
const GUEST_PORTS = { docker: 2375, podman: 2376 } as const;

/** Boots the machine and waits until docker responds. It ends with this process. */
export async function startVm(): Promise<VirtualMachine> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-vm-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const shellPath = join(dir, "shell.sock");
  const ports = { docker: await freePort(), podman: await freePort() };
  const console = join(dir, "console.log");
  const args = qemuArgs({ ...(await machineFiles()), console, shell: shellPath, ports });
  const qemu = spawn("setpriv", ["--pdeathsig=KILL", "nice", "-n", "5", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: systemEnv(),
  });
  let stderr = "";
  qemu.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(qemu, "exit");
  stack.defer(async () => {
    qemu.kill("SIGKILL");
    await ended;
  });
  const boots = async (): Promise<never> => {
    await ended;
    const log = await readFile(console, "utf8").catch(() => "");
    throw new Error(`the virtual machine ended: ${stderr}${log.slice(-2_000)}`);
  };
  const until = (check: () => Promise<boolean>): Promise<unknown> =>
    Promise.race([eventually(check, { withinMs: BOOT_MS, everyMs: 500 }), boots()]);
  await until(() => canConnect(shellPath));
  const shell = stack.use(await GuestShell.open(shellPath));
  await until(() => responds(ports.docker));
  stack.defer(async () => {
    await shell.run("systemctl --no-block poweroff").catch(() => {});
    const timer = setTimeout(() => qemu.kill("SIGKILL"), BOOT_MS);
    await ended;
    clearTimeout(timer);
  });
  const owned = stack.move();
  return {
    docker: `tcp://127.0.0.1:${ports.docker}`,
    async startPodman() {
      await shell.run("loginctl enable-linger app");
      await until(() => responds(ports.podman));
      return `tcp://127.0.0.1:${ports.podman}`;
    },
    run: (command) => shell.run(command),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface QemuOptions extends MachineFiles {
  /** Paths of the log of the serial console, and of the shell's socket. */
  readonly console: string;
  readonly shell: string;
  /** Ports of this machine's loopback interface. */
  readonly ports: Readonly<Record<keyof typeof GUEST_PORTS, number>>;
}

function qemuArgs({ disk, initrd, kernel, console, shell, ports }: QemuOptions): string[] {
  const forwards = (["docker", "podman"] as const).map(
    (name) => `hostfwd=tcp:127.0.0.1:${ports[name]}-10.0.2.15:${GUEST_PORTS[name]}`,
  );
  const options: readonly (readonly [name: string, value: string])[] = [
    ["accel", "tcg,thread=multi,tb-size=512"],
    ["cpu", "max"],
    ["smp", "2"],
    ["m", "3072"],
    ["display", "none"],
    ["serial", `file:${console}`],
    ["kernel", kernel],
    ["initrd", initrd],
    [
      "append",
      "console=ttyS0 mitigations=off panic=-1 loglevel=4 systemd.show_status=1 " +
        "systemd.default_timeout_start_sec=1200",
    ],
    ["drive", `file=${disk},format=raw,if=virtio,cache=unsafe`],
    ["netdev", `user,id=net,restrict=on,${forwards.join(",")}`],
    ["device", "virtio-net-pci,netdev=net"],
    ["device", "virtio-rng-pci"],
    ["chardev", `socket,id=shell,path=${shell},server=on,wait=off`],
    ["device", "virtio-serial-pci"],
    ["device", "virtserialport,chardev=shell,name=shell"],
  ];
  const args = options.flatMap(([name, value]) => [`-${name}`, value]);
  return ["qemu-system-x86_64", "-no-reboot", ...args];
}

/** Limit for hangs; an idle machine boots in half a minute. */
const BOOT_MS = 240_000;

interface MachineFiles {
  readonly disk: string;
  readonly initrd: string;
  readonly kernel: string;
}

/** Returns the files of the machine from the cache, or makes them, which takes some minutes. */
async function machineFiles(): Promise<MachineFiles> {
  await ensureCommands(COMMANDS);
  const packages = ["linux-image-cloud-amd64", "busybox-static"];
  const root = await suiteRoot({ name: "kernel", suite: KERNEL_SUITE, packages });
  const dir = join(cacheDir(), "vm");
  await mkdir(dir, { recursive: true });
  const mirror = await debianMirror();
  const script = join(import.meta.dirname, "build.sh");
  const recipe = createHash("sha256")
    .update(await readFile(script))
    .digest("hex");
  const disk = join(dir, `disk-${recipe.slice(0, 12)}.img`);
  const images = join(dir, "docker");
  if (!existsSync(disk)) await makeImages(images);
  // Bound to this process, as the images of nodes.
  const bound = ["--pdeathsig=KILL", "unshare", "-mpf", "--mount-proc", "--kill-child"];
  const build = ["sh", script, disk, root, GUEST_SUITE, mirror?.url ?? ""];
  await execa("setpriv", [...bound, "flock", join(dir, "lock"), ...build], {
    env: { ...systemEnv(), ...(mirror?.proxy && { http_proxy: mirror.proxy }) },
  });
  await rm(images, { recursive: true, force: true });
  const { stdout: kernel } = await execa("sh", ["-c", 'echo "$1"/boot/vmlinuz-*', "sh", root]);
  return { disk, initrd: join(dir, "initrd.img"), kernel };
}

/** Makes docker's data with the images of tests here: their import in the guest takes minutes. */
async function makeImages(to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  const packages = ["docker.io", "procps"];
  const root = await suiteRoot({ name: `docker-${GUEST_SUITE}`, suite: GUEST_SUITE, packages });
  const engine = await startPrivateEngine({ root });
  try {
    for (const kind of ["trixie", "sid", "busybox"] as const) await ensureImage(engine, kind);
    await engine.stopDaemon();
    await execa("cp", ["-a", join(engine.dir, "docker"), to]);
  } finally {
    await engine.dispose();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function canConnect(path: string): Promise<boolean> {
  const socket = connect(path);
  return new Promise((resolve) => {
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  }).then((connected) => {
    socket.destroy();
    return connected === true;
  });
}

async function responds(port: number): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/_ping`;
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  return response?.status === 200;
}
