/**
 * `node container-sweeper.ts HOST RUN-ID`: removes the run's containers from an engine when stdin
 * ends, because the owner closed it or died.
 */
import { engineAt, TEST_LABEL } from "./docker.ts";

const [host, runId] = process.argv.slice(2);
if (host === undefined || runId === undefined) throw new Error("usage: HOST RUN-ID");

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.stdin.destroy());
}
await new Promise((resolve) => process.stdin.resume().once("close", resolve));

const engine = engineAt({ host, runId });
const ids = await engine.docker(["ps", "-aq", "--filter", `label=${TEST_LABEL}=${runId}`]);
if (ids !== "") await engine.docker(["rm", "--force", "--volumes", ...ids.split("\n")]);
