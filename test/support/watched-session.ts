import { expect } from "@jest/globals";
import type { Engine } from "./engine/docker.ts";
import { type OtlpReceiver, type ReceivedLog, startOtlpReceiver } from "./otlp-receiver.ts";
import { recordEvents, type RecordedEvents } from "./recorded-events.ts";
import { startUnitwatch, type Unitwatch } from "./unitwatch.ts";

/** Running unitwatch, an OTLP receiver for its records, and a recorder of the engine's events. */
export interface WatchedSession extends AsyncDisposable {
  readonly unitwatch: Unitwatch;
  readonly receiver: OtlpReceiver;
  /** Events since unitwatch had listed everything. */
  readonly events: RecordedEvents;
  /** Returns the received records of this name; without a unit: of the container itself. */
  logsOf(container: string, eventName: string, unit?: string): ReceivedLog[];
  /** Waits until `count` of them have arrived. */
  arrived(count: number, container: string, eventName: string, unit?: string): Promise<void>;
}

/** Watches the containers with this label `sind.cluster`; `nodes` of them run systemd. */
export async function startWatchedSession(
  engine: Engine,
  { cluster, nodes }: { readonly cluster: string; readonly nodes: number },
): Promise<WatchedSession> {
  await using stack = new AsyncDisposableStack();
  const receiver = stack.use(await startOtlpReceiver());
  const events = stack.use(recordEvents(engine, cluster));
  const unitwatch = stack.use(
    await startUnitwatch({ host: engine.host, cluster, env: receiver.env }),
  );
  await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 1);
  await unitwatch.untilWatching(nodes);
  events.clear();

  const logsOf: WatchedSession["logsOf"] = (container, eventName, unit) =>
    receiver.logs.filter(
      (log) =>
        log.eventName === eventName &&
        log.attributes["container.name"] === container &&
        log.attributes["systemd.unit.name"] === unit,
    );
  const owned = stack.move();
  return {
    unitwatch,
    receiver,
    events,
    logsOf,
    arrived: (count, ...of) => receiver.until(() => expect(logsOf(...of)).toHaveLength(count)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Start and end of an action, in Unix nanoseconds. */
export interface TimeSpan {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

export async function during(action: () => Promise<unknown>): Promise<TimeSpan> {
  const fromNs = BigInt(Date.now()) * 1_000_000n;
  await action();
  return { fromNs, toNs: BigInt(Date.now() + 1) * 1_000_000n };
}

export function expectWithin({ fromNs, toNs }: TimeSpan, log: ReceivedLog | undefined): void {
  expect(log?.timeNs).toBeGreaterThanOrEqual(fromNs);
  expect(log?.timeNs).toBeLessThanOrEqual(toNs);
}

/** Engine actions with a log record each, and their counters. */
const LOGGED_ACTIONS = [
  { action: "create", metric: undefined },
  { action: "start", metric: "container_starts_total" },
  { action: "die", metric: "container_exits_total" },
  { action: "oom", metric: "container_oom_events_total" },
  { action: "pause", metric: undefined },
  { action: "unpause", metric: undefined },
  { action: "destroy", metric: undefined },
] as const;

/**
 * Expects that counters and records of the containers equal the engine's events, in times to the
 * nanosecond as far as a number holds it. Returns the actions of the events.
 */
export async function expectEngineEvents(
  session: WatchedSession,
  containers: readonly string[],
): Promise<ReadonlySet<string>> {
  const { unitwatch, receiver, events } = session;
  for (const container of containers) {
    const truth = LOGGED_ACTIONS.map(({ action }) => ({
      action,
      times: events.of(container, action).map(({ timeNano }) => timeNano),
    }));
    await receiver.until(() => {
      const logged = LOGGED_ACTIONS.map(({ action }) => ({
        action,
        times: session
          .logsOf(container, `docker.container.${action}`)
          .map(({ timeNs }) => Number(timeNs)),
      }));
      expect({ container, logged }).toEqual({ container, logged: truth });
    });

    const scrape = await unitwatch.scrape();
    for (const [index, { metric }] of LOGGED_ACTIONS.entries()) {
      if (metric === undefined) continue;
      const counted = scrape.select(metric, { container }).map(({ value }) => value);
      const sum = counted.reduce((total, value) => total + value, 0);
      expect({ container, metric, sum }).toEqual({
        container,
        metric,
        sum: truth[index]?.times.length,
      });
    }
  }
  return new Set(events.all.map(({ Action }) => Action));
}

/** Expects the common properties of every record; all are of containers of this cluster. */
export function expectWellFormed(logs: readonly ReceivedLog[], cluster: string): void {
  const uids = new Set(logs.map(({ attributes }) => attributes["log.record.uid"]));
  expect(uids.size).toBe(logs.length);
  for (const log of logs) {
    const { attributes, eventName, timeNs, observedNs } = log;
    const kind = eventName.replace(/^(docker|systemd|unitwatch)\./, "");
    const container = String(attributes["container.name"]);
    if (eventName === "systemd.journal") {
      expect(uids).toContain(attributes["unitwatch.failure.uid"]);
      expect(attributes["systemd.invocation_id"]).toMatch(/^[0-9a-f]{32}$/);
      expect(log.severityNumber).toBeGreaterThanOrEqual(5);
    } else {
      expect(eventName).toMatch(
        /^(docker\.container|systemd\.(unit|system)|unitwatch\.monitor)\.[a-z]+$/,
      );
      expect([log.severityNumber, log.severityText]).toEqual(severityOf(kind, attributes));
      expect(log.body).toMatch(/^(?:[A-Z]|systemd )[^\n]*[^.]\.$/);
      expect(attributes).toHaveProperty(["unitwatch.recovered"], expect.any(Boolean));
    }
    expect(log.scope).toEqual({ name: "unitwatch", version: expect.stringMatching(/^\d+\.\d+/) });
    expect(log.resource).toMatchObject({ "service.name": "unitwatch" });
    expect(observedNs).toBeGreaterThanOrEqual(timeNs);
    for (const value of Object.values(attributes)) {
      expect(["string", "number", "boolean"]).toContain(typeof value);
    }
    expect(attributes).toMatchObject({
      "event.name": eventName,
      "container.id": expect.stringMatching(/^[0-9a-f]{64}$/),
      "container.name": expect.stringMatching(`^sind-${cluster}-`),
      "container.image.name": expect.stringMatching("^unitwatch-test/"),
      "container.runtime.name": "docker",
      "unitwatch.cluster": cluster,
      "unitwatch.node": container.slice(`sind-${cluster}-`.length),
      "log.record.uid": expect.stringMatching(/^\S+$/),
    });
  }
}

/** Returns severity number and text. */
function severityOf(kind: string, attributes: ReceivedLog["attributes"]): [number, string] {
  const isBad =
    ["unit.failed", "container.oom", "monitor.error"].includes(kind) ||
    (kind === "container.die" && ![0, 143].includes(Number(attributes["process.exit.code"])));
  if (isBad) return [17, "ERROR"];
  const isOdd = ["unit.restart", "container.restart", "monitor.lost"].includes(kind);
  return isOdd ? [13, "WARN"] : [9, "INFO"];
}
