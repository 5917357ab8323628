import { buildStatus } from "../../src/app/status.ts";
import type { Status, StatusOptions } from "../../src/app/status.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { Clock } from "../../src/domain/clock.ts";
import type { ServiceSignal, UnitSignal } from "../../src/domain/systemd.ts";
import { systemClock } from "../../src/platform/time/clock.ts";
import { identifier } from "../../src/engine/format/identity.ts";
import type { ContainerRecord } from "../../src/state/containers/container-record.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { unitAdmission } from "../../src/state/units/unit-admission.ts";
import { EventBus, fleetEvents } from "../../src/state/event-bus.ts";
import { containerDetails, engineEvent } from "./engine-facts.ts";
import { recordedLog } from "./recorded-log.ts";
import { serviceSignal, unitRow, unitSignal } from "./systemd-facts.ts";

/** A fleet and its status page without an engine, driven by a test. */
export class StatusFleet {
  readonly bus = new EventBus(recordedLog().log);
  readonly fleet: Fleet;
  readonly status: Status;
  /** State of the engine's watch. */
  readonly watch: { up: boolean; sinceNs: bigint; reconnects: number };
  readonly #clock: Clock;

  constructor(options: Partial<StatusOptions> & { readonly args?: readonly string[] } = {}) {
    const { args = [], clock = systemClock, ...more } = options;
    this.#clock = clock;
    this.watch = { up: true, sinceNs: clock.nowNs(), reconnects: 0 };
    const parsed = parseConfig(args, {});
    if (parsed.kind !== "run") throw new Error("these flags are not for a run");
    const { config } = parsed;
    this.fleet = new Fleet({
      events: fleetEvents(this.bus),
      admission: unitAdmission(
        config.systemd.unitInclude,
        config.systemd.unitExclude,
        new SeriesBudget(10_000_000, () => clock.nowNs()),
      ),
      identify: identifier(undefined, () => "docker"),
    });
    this.status = buildStatus({
      config,
      clock,
      fleet: this.fleet,
      engine: this.watch,
      runtime: () => "docker",
      otlpQueue: () => undefined,
      ...more,
    });
    this.bus.subscribe("change", this.status.changed);
  }

  /** Applies an event of the engine. */
  happens(
    action: string,
    name: string,
    more: Readonly<Record<string, string>> = {},
  ): ContainerRecord {
    const record = this.fleet.engineEvent(
      engineEvent(action, name, { timeNs: this.#clock.nowNs(), ...more }),
    );
    if (record === undefined) throw new Error(`${action} names no container`);
    this.status.stateRead(record);
    return record;
  }

  /** Adds a container whose systemd is watched, with so many active units. */
  node(
    name: string,
    more: { readonly units?: number; readonly labels?: Readonly<Record<string, string>> } = {},
  ): ContainerRecord {
    const { units = 10, labels = {} } = more;
    const { identity, startedAtNs } = this.happens("start", name, labels);
    const facts = { identity, startedAtNs, status: "running", runsSystemd: true } as const;
    const record = this.fleet.details(containerDetails(name, facts), true);
    const nowNs = this.#clock.nowNs();
    record.systemd.take({ kind: "attached", transport: "dbus", atNs: nowNs });
    record.systemd.take({ kind: "recovered", entries: [] });
    record.systemd.take({
      kind: "manager",
      version: "252.39-1~deb12u1",
      systemState: "running",
      timeNs: nowNs,
    });
    const rows = Array.from({ length: units }, (_, index) =>
      unitRow(`service-${index}.service`, "active", "running"),
    );
    record.systemd.take({ kind: "listed", rows, asOfNs: nowNs });
    for (const row of rows)
      record.systemd.take({ kind: "start-time", unit: row.name, timeNs: startedAtNs });
    this.status.stateRead(record);
    return record;
  }

  /** Applies the signals of a failing unit. */
  fails(record: ContainerRecord, unit: string, more: Partial<ServiceSignal> = {}): void {
    const { systemd } = record;
    this.unit(record, { unit, activeState: "active", subState: "running" });
    const timeNs = this.#clock.nowNs();
    systemd.take(serviceSignal({ unit, result: "exit-code", exitStatus: 1, timeNs, ...more }));
    this.unit(record, { unit, activeState: "failed", subState: "failed" });
  }

  unit(record: ContainerRecord, signal: Partial<UnitSignal>): void {
    const timeNs = this.#clock.nowNs();
    record.systemd.take(unitSignal({ stateChangeNs: timeNs, timeNs, ...signal }));
  }
}
