import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { ReplayingSource } from "../domain/engine-source.ts";
import type { Logger } from "../domain/log.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { DockerEngineSource } from "./docker-engine.ts";
import { identifier, type IdentityFacts } from "./format/identity.ts";
import { openRuntime, type RuntimeChoice } from "./open-runtime.ts";

export interface EngineChoice extends RuntimeChoice {
  /** As of `identifier`. */
  readonly namePrefix: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a container that has ended is kept, where no engine says whether it still exists. */
  readonly keepMs: number;
  /** Takes what a bound costs. */
  readonly dropped: (stage: string, count: number) => void;
}

/** The way to the containers. */
export interface ContainerAccess {
  readonly runtime: ContainerRuntime;
  readonly source: ReplayingSource;
  /** Returns the identity that facts about a container show. */
  readonly identify: (facts: IdentityFacts) => ContainerIdentity;
  /** Looks at a container soon, after a sign that it may have ended; absent if an engine reports the end. */
  readonly look?: ((id: string) => void) | undefined;
}

/**
 * Opens the way to the containers. Connects to nothing yet.
 *
 * @throws as `openRuntime`
 */
export async function openEngine(choice: EngineChoice): Promise<ContainerAccess> {
  const runtime = await openRuntime(choice);
  const { namePrefix, filters } = choice;
  if (runtime.kind === "proc") {
    // It is loaded only when used.
    const { openProc } = await import("./proc/open-proc.ts");
    return { runtime, ...openProc(choice) };
  }
  const identify = identifier(namePrefix, () => runtime.engine);
  return { runtime, identify, source: new DockerEngineSource(runtime, identify, filters) };
}
