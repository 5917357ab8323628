import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import manifest from "../../../package.json" with { type: "json" };
import { attachEngine, describeEngine } from "../../support/engine/attach.ts";
import { runContainer, TestContainer } from "../../support/engine/container.ts";
import type { Engine } from "../../support/engine/docker.ts";
import { waitForEvent } from "../../support/engine/events.ts";
import { startNode } from "../../support/engine/node.ts";
import { parseExposition, type Scrape } from "../../support/exposition.ts";
import {
  BASE_IMAGES,
  buildImage,
  ensureBaseImages,
  ROOT,
} from "../../support/image/base-images.ts";
import { slowMs } from "../../support/slowness.ts";

/** Differs from the default, so that the health check must find it. */
const PORT = 9_000;

describeEngine("the container image", () => {
  let engine: Engine;
  let image: string;

  beforeAll(async () => {
    engine = attachEngine();
    image = `unitwatch-test/image:${engine.runId}`;
    // The builder that needs no client plugin.
    process.env["DOCKER_BUILDKIT"] = "0";
    await ensureBaseImages(engine);
    const args = Object.entries({ ...BASE_IMAGES, REVISION: "abc123" });
    const options = args.map(([name, value]) => `--build-arg=${name}=${value}`);
    // Tagged first, so that it can be removed by name.
    await buildImage(engine, ROOT, [...options, "--target=build", `--tag=${image}-build`]);
    await buildImage(engine, ROOT, [...options, `--tag=${image}`]);
  });
  afterAll(() => engine.docker(["rmi", "--force", image, `${image}-build`]));

  test("has labels, and does not run as root", async () => {
    const [info] = JSON.parse(await engine.docker(["image", "inspect", image])) as [
      { Config: { User: string; Labels: Record<string, string>; ExposedPorts: object } },
    ];

    expect(info.Config.User).toBe("1000:1000");
    expect(info.Config.ExposedPorts).toEqual({ "10558/tcp": {} });
    expect(info.Config.Labels).toEqual({
      "org.opencontainers.image.title": manifest.name,
      "org.opencontainers.image.description": manifest.description,
      "org.opencontainers.image.licenses": manifest.license,
      "org.opencontainers.image.version": manifest.version,
      "org.opencontainers.image.revision": "abc123",
      "org.opencontainers.image.base.name": BASE_IMAGES.NODE_IMAGE,
    });
  });

  test("contains the program without build files", async () => {
    const script = "ls /app /app/node_modules; du -sk /app; test -w $UNITWATCH_STORAGE_PATH";
    const found = await runOnce("sh", "-c", script);

    expect(found.split("\n")).toEqual(
      expect.arrayContaining(["LICENSE", "dist", "node_modules", "package.json", "express"]),
    );
    expect(found).not.toMatch(/^(?:src|test|typescript|jest|\.git)$/m);
    expect(Number(/^(\d+)\t\/app$/m.exec(found)?.[1])).toBeLessThan(60_000);
  });

  test("watches the engine with no rights but its socket, and is healthy", async () => {
    const label = `image-test=${engine.runId}`;
    const labels = { "image-test": engine.runId };
    await using node = await startNode(engine, { name: `image-${engine.runId}`, labels });
    const sinceMs = Date.now();
    await using unitwatch = await startImage(
      [],
      `--web.listen-address=:${PORT}`,
      "--watch.filter",
      `label=${label}`,
    );

    await until(unitwatch, (scrape) => scrape.value("unitwatch_engine_up") === 1);
    const scrape = await until(
      unitwatch,
      (scrape) => (scrape.select("unitwatch_systemd_up")[0]?.value ?? 0) === 1,
    );
    expect(scrape.value("unitwatch_build_info", { revision: "abc123" })).toBe(1);
    expect(scrape.select("container_info").map(({ labels }) => labels["container"])).toEqual([
      node.name,
    ]);
    expect(scrape.value("systemd_unit_state", { name: "dbus.service", state: "active" })).toBe(1);

    const { HostConfig: host } = await inspectHost(engine, unitwatch.id);
    expect(host).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 64 });
    await waitForEvent(engine, {
      action: "health_status: healthy",
      container: unitwatch.id,
      sinceMs,
    });
    const status = await unitwatch.exec([
      "sh",
      "-c",
      "id -u; cat /proc/1/status; touch /app/x 2>&1 || :",
    ]);
    expect(status).toMatch(/^1000\n/);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toContain("Read-only file system");
    await unitwatch.stop();
    expect((await unitwatch.inspect()).State.ExitCode).toBe(0);
    const { stderr: log } = await engine.tryDocker(["logs", unitwatch.id]);
    expect(log).toContain("unitwatch stopped");
    expect(log).not.toMatch(/level=(?:warn|error)/);
  });

  test("watches over the socket with the rights of compose.socket.yaml", async () => {
    const labels = { "image-test": `socket-${engine.runId}` };
    await using node = await startNode(engine, { name: `socket-${engine.runId}`, labels });
    await using unitwatch = await startImage(
      await socketRights(),
      `--web.listen-address=:${PORT}`,
      `--watch.filter=label=image-test=socket-${engine.runId}`,
    );

    const up = { container: node.name, transport: "socket" };
    await until(unitwatch, (scrape) => scrape.value("unitwatch_systemd_up", up) === 1);
    const { HostConfig: host } = await inspectHost(engine, unitwatch.id);
    expect(host).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidMode: "host" });
    expect(await unitwatch.exec(["ls", "/var/lib/unitwatch-root"])).toMatch(/\w/);
    await unitwatch.stop();
    const { stderr: log } = await engine.tryDocker(["logs", unitwatch.id]);
    expect(log).not.toMatch(/level=(?:warn|error)/);
  });

  test("is unhealthy when unitwatch does not respond", async () => {
    await expect(runOnce("node", "/app/dist/healthcheck.js")).rejects.toThrow("exit code 1");
  });

  /** Runs a command in a new container; returns its stdout. */
  function runOnce(command: string, ...args: readonly string[]): Promise<string> {
    const run = ["run", "--rm", "--pull=never", "--network=none", `--entrypoint=${command}`];
    return engine.docker([...run, image, ...args]);
  }

  /** Runs the image as deploy/ does, with the socket's group. */
  async function startImage(
    rights: readonly string[],
    ...flags: readonly string[]
  ): Promise<TestContainer> {
    const socket = new URL(engine.host).pathname;
    const { gid } = await stat(socket);
    const name = `unitwatch-${engine.runId}`;
    const args = [
      ...(await confinement()),
      ...rights,
      `--volume=${socket}:/var/run/docker.sock`,
      `--group-add=${gid}`,
      // The engine removes an anonymous volume with the container.
      "--volume=/var/lib/unitwatch",
      "--health-interval=1s",
    ];
    const id = await runContainer(engine, { name, image, command: flags, args });
    return new TestContainer(engine, id, name);
  }
});

async function inspectHost(engine: Engine, id: string): Promise<{ HostConfig: object }> {
  const [info] = JSON.parse(await engine.docker(["inspect", id])) as [{ HostConfig: object }];
  return info;
}

/** Returns the options of `docker run` for what compose.socket.yaml adds. */
async function socketRights(): Promise<string[]> {
  const { services } = parse(await readFile(join(ROOT, "deploy/compose.socket.yaml"), "utf8")) as {
    services: {
      unitwatch: {
        pid: string;
        user: string;
        cap_add: readonly string[];
        environment: Readonly<Record<string, string>>;
        volumes: readonly string[];
      };
    };
  };
  const { pid, user, cap_add, environment, volumes } = services.unitwatch;
  return [
    `--pid=${pid}`,
    `--user=${user}`,
    ...cap_add.map((name) => `--cap-add=${name}`),
    ...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
    ...volumes.map((volume) => `--volume=${volume.split(":")[1]}`),
  ];
}

/** Returns the options of `docker run` for the rights and limits in compose.yaml. */
async function confinement(): Promise<string[]> {
  const text = await readFile(join(ROOT, "deploy/compose.yaml"), "utf8");
  const { services } = parse(text, { merge: true }) as {
    services: { unitwatch: Readonly<Record<string, string | number | readonly string[]>> };
  };
  const { user, cap_drop, security_opt, mem_limit, cpus, pids_limit, read_only } =
    services.unitwatch;
  return [
    `--read-only=${String(read_only)}`,
    `--user=${String(user)}`,
    `--cap-drop=${String(cap_drop)}`,
    `--security-opt=${String(security_opt)}`,
    `--memory=${String(mem_limit)}`,
    `--cpus=${String(cpus)}`,
    `--pids-limit=${String(pids_limit)}`,
  ];
}

/** Scrapes from inside the container until the check passes, at most 20 s. */
async function until(
  container: TestContainer,
  isWanted: (scrape: Scrape) => boolean,
): Promise<Scrape> {
  const script = `fetch("http://localhost:${PORT}/metrics").then((r) => r.text()).then(console.log)`;
  const limit = AbortSignal.timeout(slowMs(20_000));
  for (;;) {
    const { exitCode, stdout } = await container.tryExec(["node", "--eval", script]);
    if (exitCode === 0) {
      const scrape = parseExposition(`${stdout.trim()}\n`);
      if (isWanted(scrape)) return scrape;
    }
    await delay(100, undefined, { signal: limit });
  }
}
