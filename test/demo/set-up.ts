import { once } from "node:events";
import { createServer } from "node:net";
import { untilAborted } from "../../src/platform/time/until-aborted.ts";
import type { Engine } from "../support/engine/docker.ts";
import { acquireEngine } from "../support/engine/engine.ts";
import { ensureImage } from "../support/engine/images.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { startContainers, type DemoContainers } from "./containers.ts";
import { terminal } from "./terminal.ts";

/** Environment of the demo. */
export interface Setup {
  readonly containers: DemoContainers;
  readonly receiver: OtlpReceiver;
  readonly unitwatch: Unitwatch;
  /** URL of unitwatch's status page. */
  readonly url: string;
  /** Aborts to end the demo. */
  readonly signal: AbortSignal;
}

const DEFAULT_PORT = 10558;
const BOOTING = { hint: "waiting for systemd to boot", hintAfterMs: 5_000 };
const CONNECTING = { hint: "waiting for unitwatch to watch both nodes", hintAfterMs: 5_000 };

/**
 * Starts engine, containers and unitwatch; the stack removes them.
 *
 * @throws if a part can't be started, or the signal aborts
 */
export async function setUp(stack: AsyncDisposableStack, signal: AbortSignal): Promise<Setup> {
  const engine = await terminal.step(
    "engine",
    {
      hint: "no engine found, starting one; missing packages are installed once with apt",
      hintAfterMs: 3_000,
    },
    async () => {
      const value = await acquireEngine({ signal });
      stack.defer(() => terminal.note("everything removed"));
      stack.use(value);
      stack.defer(() => {
        if (!signal.aborted) terminal.note("\nremoving everything …");
      });
      const version = await value.docker(["version", "--format={{.Server.Version}}"]);
      const origin = value.isPrivate ? "started for this demo" : `found at ${value.host}`;
      return { value, text: `Docker ${version}, ${origin}` };
    },
  );
  // Importing the image takes seconds, building it takes minutes.
  const building = {
    hint: "building the node image once, which takes about a minute",
    hintAfterMs: 10_000,
  };
  await terminal.step("image", building, async () => {
    const value = await ensureImage(engine, "bookworm", signal);
    return { value, text: "Debian 12 with systemd" };
  });
  const containers = await terminal.step("containers", BOOTING, async () => {
    const value = await startContainers(engine, signal);
    const { controller, worker, web } = value;
    return { value, text: `${controller.name}, ${worker.name}, and ${web.name} without systemd` };
  });
  const receiver = stack.use(await startOtlpReceiver());
  const { unitwatch, url } = await terminal.step("unitwatch", CONNECTING, async () => {
    const value = await startWatching({ engine, containers, receiver, signal }, stack);
    return { value, text: "watches the containers and sends log records to the demo over OTLP" };
  });
  return { containers, receiver, unitwatch, url, signal };
}

/** Starts unitwatch with default flags, on the default port of the loopback interface if that is free. */
async function startWatching(
  { engine, containers, receiver, signal }: Omit<Setup, "unitwatch" | "url"> & { engine: Engine },
  stack: AsyncDisposableStack,
): Promise<Pick<Setup, "unitwatch" | "url">> {
  const isFree = await isPortFree(DEFAULT_PORT);
  const options = { host: engine.host, cluster: containers.cluster, env: receiver.env };
  const args = isFree ? [`--web.listen-address=127.0.0.1:${DEFAULT_PORT}`] : [];
  const unitwatch = stack.use(await startUnitwatch({ ...options, args }));
  await untilAborted(unitwatch.untilWatching(2), signal);
  signal.throwIfAborted();
  return { unitwatch, url: `http://127.0.0.1:${isFree ? DEFAULT_PORT : unitwatch.port}/` };
}

async function isPortFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
