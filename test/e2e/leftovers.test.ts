import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { shownSystemd } from "../support/truth.ts";
import {
  type Exit,
  isRunning,
  startUnitwatch,
  type Unitwatch,
  type UnitwatchOptions,
} from "../support/unitwatch.ts";

const CLUSTER = clusterName("leftovers");
const SIGNALS = [
  { signal: "SIGTERM", number: 15 },
  { signal: "SIGINT", number: 2 },
] as const;

describeEngine("the end of unitwatch", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let before: ReadonlySet<string>;

  beforeAll(async () => {
    engine = attachEngine();
    node = await startNode(engine, {
      name: `sind-${CLUSTER}-controller`,
      labels: { "sind.cluster": CLUSTER },
    });
    stack.use(node);
    before = new Set(await processesIn(node));
  });
  afterAll(() => stack.disposeAsync());

  const start = async (options: Partial<UnitwatchOptions> = {}): Promise<Unitwatch> => {
    const unitwatch = await startUnitwatch({ host: engine.host, cluster: CLUSTER, ...options });
    // All initial requests are done by then.
    await unitwatch.until((scrape) => shownSystemd(scrape, node.name).systemState);
    return unitwatch;
  };
  const ours = async (): Promise<string[]> =>
    (await processesIn(node)).filter((process) => !before.has(process));
  const expectNothingLeft = () =>
    eventually(async () => expect(await ours()).toEqual([]), { withinMs: 5_000 });

  test("exits with 0 and leaves nothing behind when SIGINT comes", async () => {
    await using unitwatch = await start();

    expect(await endedBy(unitwatch, "SIGINT")).toMatchObject({ code: 0, signal: null });
    await expectNothingLeft();
  });

  describe.each([
    { runtime: "engine", transport: "dbus" },
    { runtime: "engine", transport: "busctl" },
    { runtime: "cli", transport: "dbus" },
    { runtime: "cli", transport: "busctl" },
  ])("with the runtime $runtime and the transport $transport", ({ runtime, transport }) => {
    const args = [`--docker.runtime=${runtime}`, `--systemd.transport=${transport}`];

    test("exits with 0 and leaves nothing behind when SIGTERM comes", async () => {
      await using unitwatch = await start({ args });
      const children = await unitwatch.children();
      expect(children.length > 0).toBe(runtime === "cli");
      expect(await ours()).not.toEqual([]);

      const exit = await endedBy(unitwatch, "SIGTERM");
      expect(exit).toMatchObject({ code: 0, signal: null });
      expect(exit.tookMs).toBeLessThan(5_000);
      expect(children.filter(isRunning)).toEqual([]);
      await expectNothingLeft();
    });

    test("leaves nothing behind in the node when it is killed", async () => {
      await using unitwatch = await start({ args });
      const children = await unitwatch.children();
      expect(await ours()).not.toEqual([]);

      expect(await endedBy(unitwatch, "SIGKILL")).toMatchObject({ signal: "SIGKILL" });
      await expectNothingLeft();
      // The command that follows the engine ends at its next event.
      await node.pause();
      await node.unpause();
      await eventually(() => expect(children.filter(isRunning)).toEqual([]));
    });
  });

  test.each([
    ["dbus", /^\d+ systemd-stdio-bridge /],
    ["busctl", /^\d+ busctl .*monitor/],
  ])("restarts its %s command when that is killed", async (transport, command) => {
    const args = ["--docker.runtime=cli", `--systemd.transport=${transport}`];
    await using unitwatch = await start({ args });
    // The search for leftovers of earlier connections runs for a moment beside the command.
    const commands = async () => (await ours()).filter((process) => command.test(process));
    expect(await commands()).toHaveLength(1);
    const execs = (await unitwatch.children()).filter(({ args }) => args.includes(" exec "));
    expect(execs).not.toEqual([]);

    for (const { pid } of execs) process.kill(pid, "SIGKILL");
    await unitwatch.until((scrape) => {
      const container = node.name;
      expect(scrape.value("unitwatch_systemd_reconnects_total", { container })).toBe(1);
      expect(scrape.value("unitwatch_systemd_up", { container })).toBe(1);
    });
    await eventually(async () => expect(await commands()).toHaveLength(1));
    await unitwatch.stop();
    await expectNothingLeft();
  });

  test("exits in time and leaves nothing behind when a node is paused", async () => {
    await using unitwatch = await start();
    const children = await unitwatch.children();
    await node.pause();

    const exit = await endedBy(unitwatch, "SIGTERM");
    expect(exit).toMatchObject({ code: 0, signal: null });
    expect(exit.tookMs).toBeLessThan(5_000);
    expect(children.filter(isRunning)).toEqual([]);
    await node.unpause();
    await expectNothingLeft();
  });

  describe("with an endpoint that does not respond", () => {
    let endpoint: SilentServer;
    beforeAll(async () => {
      endpoint = await startSilentServer();
      stack.use(endpoint);
    });

    /** Starts a session with a request under way. */
    const startSending = async (): Promise<Unitwatch> => {
      const asked = endpoint.asked();
      const unitwatch = await start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url } });
      await node.pause();
      await node.unpause();
      await asked;
      return unitwatch;
    };

    test("exits within 5 s after one signal", async () => {
      await using unitwatch = await startSending();
      const children = await unitwatch.children();

      const exit = await endedBy(unitwatch, "SIGTERM");
      expect(exit).toMatchObject({ code: 0, signal: null });
      // Without this the next test would prove nothing.
      expect(exit.tookMs).toBeGreaterThan(1_000);
      expect(exit.tookMs).toBeLessThan(5_000);
      expect(children.filter(isRunning)).toEqual([]);
      await expectNothingLeft();
    });

    test.each(SIGNALS)("exits at once when a second $signal comes", async ({ signal, number }) => {
      await using unitwatch = await startSending();
      const children = await unitwatch.children();

      unitwatch.signal("SIGTERM");
      await unitwatch.untilLogged(({ msg }) => msg === "shutting down");
      const exit = await endedBy(unitwatch, signal);
      expect(exit).toMatchObject({ code: 128 + number, signal: null });
      expect(exit.tookMs).toBeLessThan(1_000);
      await expectNothingLeft();
      await eventually(() => expect(children.filter(isRunning)).toEqual([]));
    });
  });
});

async function endedBy(
  unitwatch: Unitwatch,
  signal: NodeJS.Signals,
): Promise<Exit & { readonly tookMs: number }> {
  const from = performance.now();
  unitwatch.signal(signal);
  const exit = await unitwatch.exited;
  return { ...exit, tookMs: performance.now() - from };
}

/** Returns the processes as `123 /sbin/init`. */
async function processesIn(node: TestNode): Promise<string[]> {
  return (await node.processes()).map(({ pid, args }) => `${pid} ${args}`);
}

/** Server that accepts requests and never responds. */
interface SilentServer extends AsyncDisposable {
  readonly url: string;
  /** Resolves when the next request begins. */
  asked(): Promise<unknown>;
}

async function startSilentServer(): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("data", () => server.emit("asked"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => once(server, "asked"),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
