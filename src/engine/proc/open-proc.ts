import type { Clock } from "../../domain/clock.ts";
import type { ContainerIdentity } from "../../domain/container.ts";
import type { EngineEvent } from "../../domain/engine-event.ts";
import type { ReplayingSource } from "../../domain/engine-source.ts";
import type { Logger } from "../../domain/log.ts";
import { containerOfPath } from "../format/cgroup-path.ts";
import { eventFilter } from "../format/event-filter.ts";
import type { IdentityFacts } from "../format/identity.ts";
import { HostProcesses } from "./host-process.ts";
import { Names } from "./names.ts";
import { ProcSource } from "./proc-source.ts";
import { hostRegistries } from "./registries.ts";

export interface ProcChoice {
  readonly filters: readonly string[];
  readonly namePrefix: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keepMs: number;
  readonly dropped: (stage: string, count: number) => void;
}

/** Opens the containers of this host. Looks at nothing yet. */
export function openProc(choice: ProcChoice): {
  readonly source: ReplayingSource;
  readonly identify: (facts: IdentityFacts) => ContainerIdentity;
  readonly look: (id: string) => void;
} {
  const { filters, namePrefix, clock, log, keepMs } = choice;
  const names = new Names(namePrefix);
  const processes = new HostProcesses(() => clock.nowNs());
  const source = new ProcSource({
    clock,
    log,
    containerOf: containerOfPath,
    registries: hostRegistries({ clock }),
    names,
    concerns: containerFilter(filters),
    keepMs,
    dropped: (count) => choice.dropped("proc", count),
    processes,
  });
  return { source, identify: names.identify, look: (id) => source.look(id) };
}

/** Returns the filter that an engine applies: all labels have to match, and one value of each other key. */
export function containerFilter(filters: readonly string[]): (event: EngineEvent) => boolean {
  const others = eventFilter(filters);
  const labels = filters.flatMap((filter) => {
    const [, key, value] = /^label=([^=]*)(?:=(.*))?$/s.exec(filter) ?? [];
    return key === undefined ? [] : [{ key, value }];
  });
  return (event) =>
    labels.every(({ key, value }) => {
      const has = event.attributes.get(key);
      return value === undefined ? has !== undefined : has === value;
    }) && others(event);
}
