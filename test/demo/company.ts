import { once } from "node:events";
import { createServer } from "node:net";
import { untilAborted } from "../../src/platform/time/until-aborted.ts";
import type { Engine } from "../support/engine/docker.ts";
import { acquireEngine } from "../support/engine/engine.ts";
import { ensureImage } from "../support/engine/images.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { setStage, type Stage } from "./stage.ts";
import { terminal } from "./terminal.ts";

/** Everything that the demo needs. */
export interface Company {
  readonly stage: Stage;
  readonly receiver: OtlpReceiver;
  readonly unitwatch: Unitwatch;
  /** Of unitwatch's status page. */
  readonly url: string;
  /** Aborts to end the demo. */
  readonly signal: AbortSignal;
}

const USUAL_PORT = 10558;
const BOOTING = { hint: "waiting for systemd in them", hintAfterMs: 5_000 };
const CONNECTING = { hint: "waiting until it watches", hintAfterMs: 5_000 };

/**
 * Brings everything about, step by step, and leaves it to the stack to remove it.
 *
 * @throws where something can't be had, or the signal aborts
 */
export async function assemble(stack: AsyncDisposableStack, signal: AbortSignal): Promise<Company> {
  const engine = await terminal.step(
    "engine",
    {
      hint: "none answers, so one is started; what is missing for it is installed with apt, once",
      hintAfterMs: 3_000,
    },
    async () => {
      const value = await acquireEngine({ signal });
      stack.defer(() => terminal.note("all removed"));
      stack.use(value);
      stack.defer(() => {
        if (!signal.aborted) terminal.note("\nremoving all that was made …");
      });
      const version = await value.docker(["version", "--format={{.Server.Version}}"]);
      const origin = value.isPrivate ? "started for this demo" : `found at ${value.host}`;
      return { value, text: `Docker ${version}, ${origin}` };
    },
  );
  // To import it takes seconds, to build it much longer.
  const building = { hint: "building the node image, once, about a minute", hintAfterMs: 10_000 };
  await terminal.step("image", building, async () => {
    const value = await ensureImage(engine, "bookworm", signal);
    return { value, text: "Debian 12 with systemd" };
  });
  const stage = await terminal.step("containers", BOOTING, async () => {
    const value = await setStage(engine, signal);
    const { controller, worker, web } = value;
    return { value, text: `${controller.name}, ${worker.name}, and ${web.name} without systemd` };
  });
  const receiver = stack.use(await startOtlpReceiver());
  const { unitwatch, url } = await terminal.step("unitwatch", CONNECTING, async () => {
    const value = await startWatching({ engine, stage, receiver, signal }, stack);
    return { value, text: "watches them, and sends its log records to the demo over OTLP" };
  });
  return { stage, receiver, unitwatch, url, signal };
}

/** unitwatch as anybody would run it, on the usual port of the loopback too if that is free. */
async function startWatching(
  { engine, stage, receiver, signal }: Omit<Company, "unitwatch" | "url"> & { engine: Engine },
  stack: AsyncDisposableStack,
): Promise<Pick<Company, "unitwatch" | "url">> {
  const isFree = await isPortFree(USUAL_PORT);
  const options = { host: engine.host, cluster: stage.cluster, env: receiver.env };
  const args = isFree ? [`--web.listen-address=127.0.0.1:${USUAL_PORT}`] : [];
  const unitwatch = stack.use(await startUnitwatch({ ...options, args }));
  await untilAborted(unitwatch.untilWatching(2), signal);
  signal.throwIfAborted();
  return { unitwatch, url: `http://127.0.0.1:${isFree ? USUAL_PORT : unitwatch.port}/` };
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
