import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FakeSystemd } from "./fake-systemd.ts";

export const BUS_SOCKET = "run/dbus/system_bus_socket";

/** A container's files as the host's /proc shows them: real folders, links and sockets. */
export class ContainerTree implements AsyncDisposable {
  readonly id = randomBytes(32).toString("hex");
  readonly pid = 4242;
  /** In place of `/proc`. */
  readonly proc: string;
  /** Root of the container's files. */
  readonly root: string;
  /** Folder that isn't the container's. */
  readonly outside: string;
  readonly #folder: string;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  static async create(): Promise<ContainerTree> {
    const tree = new ContainerTree(await mkdtemp(join(tmpdir(), "tree-")));
    await mkdir(join(tree.root, "run/dbus"), { recursive: true });
    await mkdir(join(tree.outside, "dbus"), { recursive: true });
    await tree.addProcess(tree.pid, tree.id);
    return tree;
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.proc = join(folder, "proc");
    this.root = join(folder, "root");
    this.outside = join(folder, "outside");
  }

  /** Options for a connection to it. */
  get options(): { readonly container: string; readonly pid: number; readonly proc: string } {
    return { container: this.id, pid: this.pid, proc: this.proc };
  }

  /** Adds a process that the host shows as PID 1 of a container with this id. */
  async addProcess(pid: number, id: string, root = this.root): Promise<void> {
    const files = {
      stat: `${pid} (systemd) S 1`,
      status: `Name:\tsystemd\nNSpid:\t${pid}\t1\n`,
      cgroup: `0::/system.slice/docker-${id}.scope/init.scope\n`,
      mountinfo: `${mountOf(root)} 1 0:1 / / rw,relatime - ext4 /dev/sda rw\n`,
      uid_map: "0 100000 65536\n",
    };
    await mkdir(join(this.proc, String(pid)), { recursive: true });
    for (const [name, text] of Object.entries(files)) await this.write(pid, name, text);
    await symlink(root, join(this.proc, String(pid), "root"));
  }

  /** Replaces a file of a process. */
  async write(pid: number, name: string, text: string): Promise<void> {
    await writeFile(join(this.proc, String(pid), name), text);
  }

  /** Listens at a path below the container's root, or at an absolute one. Returns what connects. */
  async listen(
    path: string,
    onConnection: (socket: Socket) => void = () => {},
  ): Promise<readonly Socket[]> {
    const file = path.startsWith("/") ? path : join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    const connections: Socket[] = [];
    const server = createServer((socket) => {
      connections.push(socket);
      this.#sockets.add(socket);
      socket.on("error", () => {});
      onConnection(socket);
    });
    this.#servers.push(server);
    await once(server.listen(file), "listening");
    await chmod(file, 0o666);
    return connections;
  }

  /** Has a systemd behind a bus at the bus's path, which cuts so many connections before. */
  async bus({ cuts = 0 }: { readonly cuts?: number } = {}): Promise<{
    readonly connections: readonly Socket[];
    readonly systemds: readonly FakeSystemd[];
  }> {
    const systemds: FakeSystemd[] = [];
    let left = cuts;
    const connections = await this.listen(BUS_SOCKET, (socket) => {
      left -= 1;
      if (left >= 0) {
        socket.destroy();
        return;
      }
      const systemd = new FakeSystemd({ say: (bytes) => void socket.write(bytes) });
      systemds.push(systemd);
      socket.on("data", (bytes: Buffer) => systemd.push(bytes));
    });
    return { connections, systemds };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    await rm(this.#folder, { recursive: true });
  }
}

/** Returns the number of the mount that a folder is on. */
function mountOf(folder: string): string {
  const fd = openSync(folder, "r");
  try {
    return /^mnt_id:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
  } finally {
    closeSync(fd);
  }
}
