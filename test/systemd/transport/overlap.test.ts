import { expect, test } from "@jest/globals";
import type { ServiceSignal, SystemdMessage, UnitSignal } from "../../../src/domain/systemd.ts";
import { MAX_HELD, Overlap } from "../../../src/systemd/transport/overlap.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { serviceSignal, unitSignal } from "../../support/systemd-facts.ts";

type Change = readonly [ServiceSignal, UnitSignal];

const UNITS = ["a.service", "b.service", "c.service"];

/** Returns what systemd sends for so many changes of some units; some of it comes twice. */
function changesOf(count: number, random: (bound: number) => number): Change[] {
  const restarts = new Map<string, number>();
  const changes: Change[] = [];
  for (let at = 1; at <= count; at += 1) {
    const unit = UNITS[random(UNITS.length)] ?? "";
    const isFailed = random(2) === 0;
    restarts.set(unit, (restarts.get(unit) ?? 0) + Number(isFailed));
    const change: Change = [
      serviceSignal({ unit, restarts: restarts.get(unit) ?? 0 }),
      unitSignal({
        unit,
        activeState: isFailed ? "failed" : "active",
        stateChangeNs: BigInt(at) * 1_000n,
      }),
    ];
    changes.push(change);
    if (random(4) === 0) changes.push(change);
  }
  return changes;
}

/** Gives each change a number, the order in which systemd made it. */
function numbersOf(messages: readonly SystemdMessage[]): number[] {
  return messages.flatMap((message) =>
    message.kind === "unit" ? [Number(message.stateChangeNs / 1_000n)] : [],
  );
}

test.each(Array.from({ length: 200 }, (_, seed) => seed))(
  "passes each change on once, in its order, when the new stream takes over: seed %i",
  (seed) => {
    const random = seededRandom(seed);
    const signals = changesOf(40, random).flat();
    const overlap = new Overlap();
    const taken: SystemdMessage[] = [];
    // The new stream opens somewhere, and the old one has passed on all up to there at the takeover.
    const opensAt = random(signals.length);
    const beganAt = random(opensAt + 1);
    const oldAt = opensAt + random(signals.length - opensAt + 1);
    const newAt = opensAt + random(signals.length - opensAt + 1);
    signals.slice(0, oldAt).forEach((signal, at) => {
      taken.push(signal);
      if (at >= beganAt) overlap.passes(signal);
    });
    for (const signal of signals.slice(opensAt, newAt)) overlap.hold(signal);
    expect(overlap.isBroken).toBe(false);
    taken.push(...overlap.release());
    for (const signal of signals.slice(newAt)) taken.push(...overlap.fresh(signal));
    taken.push(...overlap.rest());

    for (const unit of UNITS) {
      const of = (messages: readonly SystemdMessage[]) =>
        numbersOf(messages.filter((message) => "unit" in message && message.unit === unit));
      // Only what systemd sends twice may come twice.
      const once = (numbers: readonly number[]) => [...new Set(numbers)];
      expect(once(of(taken))).toEqual(once(of(signals)));
      expect(of(taken)).toEqual(of(taken).toSorted((a, b) => a - b));
    }
  },
);

test("keeps a Service signal with its Unit signal", () => {
  const overlap = new Overlap();
  overlap.passes(serviceSignal({ restarts: 1 }));
  overlap.passes(unitSignal());
  overlap.hold(serviceSignal({ restarts: 1 }));
  overlap.hold(unitSignal());
  // The same state, and one restart more.
  overlap.hold(serviceSignal({ restarts: 2 }));
  overlap.hold(unitSignal());
  overlap.hold(serviceSignal({ restarts: 3 }));
  expect(overlap.release()).toEqual([serviceSignal({ restarts: 2 }), unitSignal()]);
  expect(overlap.fresh({ kind: "parse-error" })).toEqual([{ kind: "parse-error" }]);
  expect(overlap.rest()).toEqual([serviceSignal({ restarts: 3 })]);
});

test.each<[string, (overlap: Overlap) => void]>([
  ["the old stream has a gap", (overlap) => overlap.passes(attached)],
  [
    "the new stream has a gap",
    (overlap) => {
      overlap.hold(attached);
      overlap.hold(attached);
    },
  ],
  [
    "too much is held",
    (overlap) => {
      for (let i = 0; i <= MAX_HELD; i += 1) overlap.hold(unitSignal());
    },
  ],
  [
    "too much passes",
    (overlap) => {
      for (let i = 0; i <= MAX_HELD; i += 1) {
        overlap.passes(unitSignal({ stateChangeNs: BigInt(i) }));
      }
    },
  ],
  [
    "too many Service signals pass without their Unit signals",
    (overlap) => {
      for (let i = 0; i <= MAX_HELD; i += 1)
        overlap.passes(serviceSignal({ unit: `${i}.service` }));
    },
  ],
])("is broken, and holds nothing, when %s", (_when, happens) => {
  const overlap = new Overlap();
  overlap.hold(unitSignal());
  happens(overlap);
  expect(overlap.isBroken).toBe(true);
  expect(overlap.release()).toEqual([]);
});

test("loses no Service signal when too many wait for their Unit signals", () => {
  const overlap = new Overlap();
  const unitOf = (at: number): string => `${at}.service`;
  const seen: SystemdMessage[] = [];
  const extra = 3;
  for (let at = 0; at < MAX_HELD + extra; at += 1) {
    seen.push(...overlap.fresh(serviceSignal({ unit: unitOf(at) })));
  }
  expect(seen).toEqual([0, 1, 2].map((at) => serviceSignal({ unit: unitOf(at) })));
  // Its Service signal is through; that of another one goes with it.
  expect(overlap.fresh(unitSignal({ unit: unitOf(0) }))).toEqual([unitSignal({ unit: unitOf(0) })]);
  const both = [serviceSignal({ unit: unitOf(extra) }), unitSignal({ unit: unitOf(extra) })];
  expect(overlap.fresh(unitSignal({ unit: unitOf(extra) }))).toEqual(both);
  expect(overlap.rest()).toHaveLength(MAX_HELD - 1);
});

const attached = { kind: "attached", transport: "dbus", atNs: 1n } as const;
