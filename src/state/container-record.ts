import type {
  ContainerDetails,
  ContainerIdentity,
  ContainerStatus,
  HealthStatus,
} from "../domain/container.ts";
import { LabelSet } from "../domain/label-set.ts";
import type { FleetEvents } from "./fleet-events.ts";
import { SystemdState } from "./systemd-state.ts";
import type { UnitAdmission } from "./unit-table.ts";

/** What was counted of a container under one name, over all of its lives. */
export interface ContainerCounters {
  starts: number;
  restarts: number;
  oomEvents: number;
  /** Exits by exit code. */
  readonly exits: Map<number, number>;
}

/** One container: what is true of it now, and what was counted. */
export class ContainerRecord {
  identity: ContainerIdentity;
  /** `container`, `node`, `cluster`. */
  labels: LabelSet;
  readonly counters: ContainerCounters;
  readonly systemd: SystemdState;

  status: ContainerStatus = "created";
  health: HealthStatus | undefined = undefined;
  startedAtNs = 0n;
  finishedAtNs = 0n;
  /** undefined until it exited once. */
  lastExitCode: number | undefined = undefined;
  /** Policy restarts as inspect last told; it goes back to 0 at a manual start. */
  restartsSeen: number | undefined = undefined;
  /** How an OOM kill became known since the last start: by its event, or by inspect alone. */
  oom: "none" | "event" | "inferred" = "none";
  /** undefined until inspect told it. */
  runsSystemd: boolean | undefined = undefined;
  /** Set when it was removed; its series stay for the retention. */
  destroyedAtNs: bigint | undefined = undefined;

  constructor(
    identity: ContainerIdentity,
    context: {
      readonly events: FleetEvents;
      readonly admission: UnitAdmission;
      /** Of an earlier container with this name, whose series go on. */
      readonly counters: ContainerCounters | undefined;
    },
  ) {
    this.identity = identity;
    this.labels = labelsOf(identity);
    this.counters = context.counters ?? {
      starts: 0,
      restarts: 0,
      oomEvents: 0,
      exits: new Map<number, number>(),
    };
    this.systemd = new SystemdState(() => this.identity, context.events, {
      admission: context.admission,
      labels: this.labels,
    });
  }

  /** True while its PID 1 runs, paused or not. */
  get alive(): boolean {
    return this.destroyedAtNs === undefined && (this.status === "running" || this.paused);
  }

  get paused(): boolean {
    return this.status === "paused";
  }

  /** It has another name from now on: its series go on under that one. */
  rename(identity: ContainerIdentity): void {
    this.identity = identity;
    this.labels = labelsOf(identity);
    this.systemd.units.relabel(this.labels);
  }

  /** Takes over what inspect says. What follows from the difference is the fleet's business. */
  adopt(details: ContainerDetails): void {
    this.status = details.status;
    this.health = details.health;
    this.startedAtNs = details.startedAtNs;
    this.finishedAtNs = details.finishedAtNs;
    if (details.finishedAtNs > 0n && !this.alive) this.lastExitCode = details.exitCode;
    this.runsSystemd = details.runsSystemd;
  }
}

function labelsOf(identity: ContainerIdentity): LabelSet {
  return new LabelSet([
    ["container", identity.name],
    ["node", identity.node],
    ["cluster", identity.cluster],
  ]);
}
