import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { hashSync } from "bcryptjs";
import { execa } from "execa";
import { copyForBuild } from "./support/build-copy.ts";
import { slowMs } from "./support/slowness.ts";
import { startUnitwatch } from "./support/unitwatch.ts";

const ROOT = join(import.meta.dirname, "..");
const MODULES = join(ROOT, "node_modules");
/** Dependencies of the library that npm would install beside it. */
const DEPENDENCIES = ["execa", "@opentelemetry", "@types"];

const CONSUMER = `
import { EventKind, execaExecutor, Watcher, DockerMonitor, SystemdMonitor } from "unitwatch";
import { dockerEventsArgs, emitLogRecords, systemdMonitorArgs } from "unitwatch";
import type { Event, NodeTarget, Executor, Process, Subscription } from "unitwatch";

const nodes: NodeTarget[] = [{ shortName: "controller", container: "sind-dev-controller" }];
const executor: Executor = execaExecutor();
const watcher = new Watcher(executor, "sind-dev-", "dev");
using subscription: Subscription = watcher.subscribe();
await watcher.start(nodes, { signal: AbortSignal.abort() });
await watcher.wait();
const rest: Event[] = await Array.fromAsync(subscription);
const dropped: number = subscription.dropped;
const line = '{"Action":"oom","Actor":{"Attributes":{"name":"sind-dev-a"}},"timeNano":1795345335788625649}';
const monitor = new DockerMonitor("sind-dev-");
const [event] = await Array.fromAsync(monitor.run([line]));
const isOom: boolean = event?.kind === EventKind.ContainerOom;
const timeNs: bigint | undefined = event?.timeNs;
const units = new SystemdMonitor("controller", "sind-dev-controller").run(new ReadableStream<Uint8Array>());
const open = (process: Process) => monitor.run(process.stdout, { signal: AbortSignal.timeout(1) });
await units.return();
await emitLogRecords(monitor.run([line]), { emit: ({ eventName }) => console.log(eventName), enabled: () => true });
console.log(JSON.stringify([rest, dropped, isOom, String(timeNs), typeof open]));
console.log(dockerEventsArgs("dev").length, systemdMonitorArgs("a").length);
`;

/** Returns a script that stores a row. */
function storeScript(module: string, path: string): string {
  return `
    import { storeLink } from ${JSON.stringify(module)};
    const link = await storeLink();
    await link.open({ path: ${JSON.stringify(path)}, scope: "", outlives: "power-cut", nowMs: 0 });
    await link.commit({ rows: [{ seq: 1, count: 1, bytes: new Uint8Array([7]) }], resume: undefined });
    const [row] = await link.read(100);
    console.log(row.seq, row.bytes[0]);
    await link.close();`;
}

/** Runs the program of a package: its parts are bundled with all that they need. */
async function runsAlone(installed: string): Promise<void> {
  const licenses = await readFile(join(installed, "dist", "third-party-licenses.txt"), "utf8");
  expect(licenses).toMatch(/^router \d\S* \(MIT\)$/m);
  expect(licenses).not.toMatch(/undefined/);
  const users = join(folder, "web.yml");
  await writeFile(users, `basic_auth_users:\n  alice: ${hashSync("wonder", 4)}\n`);
  await using unitwatch = await startUnitwatch({
    host: "unix:///nowhere",
    cluster: "none",
    storagePath: join(folder, "stored"),
    args: ["--docker.runtime=engine", `--web.config.file=${users}`],
    run: [join(installed, "dist", "main.js")],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" },
  });
  expect(unitwatch.log.find(({ msg }) => msg === "storage")).toMatchObject({ durable: true });
  const get = (path: string): Promise<{ readonly status: number; readonly text: string }> =>
    unitwatch.get(path, { auth: "alice:wonder" });
  expect((await unitwatch.get("/metrics")).status).toBe(401);
  expect((await get("/metrics")).text).toMatch(/^unitwatch_engine_up 0$/m);
  expect((await get("/-/page/client/main.js")).text).toContain('from "./');
  expect((await get("/-/page/view/element.js")).status).toBe(200);
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unitwatch-dist-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test(
  "works with its types when it is installed from the package",
  async () => {
    const source = join(folder, "source");
    const project = join(folder, "project");
    await mkdir(source);
    await copyForBuild(source);
    await execa("npm", ["pack", "--pack-destination", folder], { cwd: source });
    const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));

    const installed = join(project, "node_modules", "unitwatch");
    await mkdir(installed, { recursive: true });
    await execa("tar", [
      "-xzf",
      join(folder, tarball ?? ""),
      "-C",
      installed,
      "--strip-components=1",
    ]);
    for (const name of DEPENDENCIES) {
      await symlink(join(MODULES, name), join(project, "node_modules", name));
    }
    expect((await readdir(installed)).sort()).toEqual(expect.arrayContaining(["LICENSE", "dist"]));

    await writeFile(join(project, "package.json"), '{"type":"module"}');
    await writeFile(join(project, "consumer.ts"), CONSUMER);
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--noEmit", "--types", "node"];
    const target = ["--target", "esnext", "--module", "nodenext", "--skipLibCheck", "false"];
    await execa(join(MODULES, ".bin", "tsc"), [...strict, ...target, "consumer.ts"], {
      cwd: project,
    });

    const link = join(installed, "dist", "storage", "store-link.js");
    await writeFile(join(project, "store.js"), storeScript(link, join(folder, "data")));
    const { stdout: rows } = await execa(process.execPath, ["store.js"], { cwd: project });
    expect(rows).toBe("1 7");

    const { stdout } = await execa(process.execPath, ["consumer.ts"], { cwd: project });
    expect(stdout).toBe('docker.container.oom\n[[],0,true,"1795345335788625649","function"]\n7 9');

    const page = `import { assetOf, CLIENT_MODULES } from "./node_modules/unitwatch/dist/page/assets.js";
    const assets = await Promise.all(CLIENT_MODULES.map((name) => assetOf(name)));
    console.log(assets.every(({ body }) => body.length > 100), CLIENT_MODULES[0]);`;
    const modules = ["--input-type=module", "--eval", page];
    const { stdout: assets } = await execa(process.execPath, modules, { cwd: project });
    expect(assets).toBe("true client/main.js");

    await runsAlone(installed);
  },
  slowMs(120_000),
);
