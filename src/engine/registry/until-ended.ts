import type { Clock } from "../../domain/clock.ts";
import type { ContainerEnd } from "../../domain/host-container.ts";

/** Between two looks at a container that is about to end. The caller waits for a second at most. */
const PAUSE_MS = 50;

/**
 * Looks again and again until there is an end, or it can't be known; undefined then, and when `signal`
 * aborts.
 */
export async function untilEnded(
  { clock, signal }: { readonly clock: Pick<Clock, "sleep">; readonly signal: AbortSignal },
  look: () => Promise<ContainerEnd | "unknown" | undefined>,
): Promise<ContainerEnd | undefined> {
  while (!signal.aborted) {
    const end = await look();
    if (end === "unknown") return undefined;
    if (end !== undefined) return end;
    await clock.sleep(PAUSE_MS, signal).catch(() => {});
  }
  return undefined;
}
