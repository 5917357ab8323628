/**
 * How slow this machine is now. Limits of time in tests are limits for hangs: they grow with this
 * factor, so that a loaded machine takes longer and fails no test.
 */
import { spawnSync } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";

const VARIABLE = "UNITWATCH_TEST_SLOWNESS";
/** Time that an idle machine takes to start Node.js and end it. */
const IDLE_START_MS = 40;
const MAX_SLOWNESS = 20;

/** Factor of a machine in which engines run, beside that of this one. */
let guestFactor = 1;

/** Measures the factor for this run, and passes it to all processes of the run. */
export function measureSlowness(): void {
  if (process.env[VARIABLE] !== undefined) return;
  const starts = Array.from({ length: 3 }, () => {
    const began = performance.now();
    spawnSync(process.execPath, ["--eval", "0"], { stdio: "ignore" });
    return performance.now() - began;
  });
  process.env[VARIABLE] = (Math.max(...starts) / IDLE_START_MS).toFixed(1);
}

/** Returns the measured factor, or more where more processes wait for a processor now: 1 to 20. */
export function slowness(): number {
  const measured = Number(process.env[VARIABLE] ?? 1);
  const [waiting = 0] = loadavg();
  const here = Math.max(1, measured, waiting / availableParallelism());
  return Math.min(MAX_SLOWNESS, here * guestFactor);
}

/** Makes all limits longer until it is disposed, for an engine in a machine that is slower by `factor`. */
export function slowerBy(factor: number): Disposable {
  guestFactor *= factor;
  return { [Symbol.dispose]: () => void (guestFactor /= factor) };
}

/** Returns a limit of time for this machine from that of an idle one. */
export function slowMs(idleMs: number): number {
  return Math.round(idleMs * slowness());
}

/** Returns a limit of time for this machine in seconds, as commands take it. */
export function slowSeconds(idleSeconds: number): string {
  return String(Math.ceil(slowMs(idleSeconds * 1_000) / 1_000));
}
