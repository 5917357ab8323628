import { expect, test } from "@jest/globals";
import type {
  SystemdMessage,
  SystemdSource,
  SystemdTransport,
  TakeMessage,
} from "../../../src/domain/systemd.ts";
import { AutoSource } from "../../../src/systemd/transport/auto.ts";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { SocketError } from "../../../src/systemd/transport/socket-error.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { unitRow, unitSignal } from "../../support/systemd-facts.ts";
import { turns } from "../../support/turns.ts";

/** A way that a test controls; each run of it is a stream. */
class FakeWay implements SystemdSource {
  readonly streams: FakeStream[] = [];
  /** While set, every run fails with it. */
  fault: Error | undefined;
  readonly #transport: SystemdTransport;

  constructor(transport: SystemdTransport) {
    this.#transport = transport;
  }

  get stream(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("it has no stream");
    return stream;
  }

  run: SystemdSource["run"] = async (take, { signal, opened }) => {
    const ended = Promise.withResolvers<void>();
    const stream: FakeStream = {
      take,
      signal,
      relists: 0,
      end: ended.resolve,
      open: (rows = []) => {
        stream.attach();
        take({ kind: "listed", rows, asOfNs: 1n });
        opened?.({
          transport: this.#transport,
          relist: async () => {
            stream.relists += 1;
            await stream.onRelist();
          },
        });
      },
      attach: () => {
        take({ kind: "attached", transport: this.#transport, atNs: 1n });
        take({ kind: "recovered", entries: [] });
      },
      onRelist: async () => {},
    };
    this.streams.push(stream);
    signal.addEventListener("abort", () => ended.resolve());
    if (this.fault !== undefined) throw this.fault;
    await ended.promise;
  };
}

interface FakeStream {
  readonly take: TakeMessage;
  readonly signal: AbortSignal;
  relists: number;
  readonly end: () => void;
  readonly open: (rows?: ReturnType<typeof unitRow>[]) => void;
  readonly attach: () => void;
  onRelist: () => Promise<void>;
}

const absent = new BridgeError(new Error("EOF, before an answer to AUTH"), { exitCode: 1 });
const missing = new BridgeError(new Error("no bridge"), { exitCode: 127 });

/** Starts to watch a booted node; its bus is absent, or its bridge is missing. */
async function watchWorse(fault: BridgeError) {
  const [bus, socket, busctl] = [
    new FakeWay("dbus"),
    new FakeWay("dbus-private"),
    new FakeWay("busctl"),
  ];
  bus.fault = fault;
  if (fault === missing) socket.fault = fault;
  const clock = new FakeClock();
  const sink = new RecordedSink();
  const abort = new AbortController();
  const auto = new AutoSource(
    [{ source: bus }, { source: socket }, { source: busctl, isBlind: true }],
    { clock, hasBooted: () => true },
  );
  const done = auto.run(sink.take, { signal: abort.signal }).then(
    () => undefined,
    (error: unknown) => error,
  );
  await turns();
  return { bus, socket, busctl, clock, sink, abort, auto, done };
}

function failed(stateChangeNs: bigint): SystemdMessage {
  return unitSignal({ activeState: "failed", stateChangeNs });
}

test("moves from the private socket to the bus without losing or repeating a change", async () => {
  const { bus, socket, clock, sink, abort, done } = await watchWorse(absent);
  socket.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  // Both streams carry the change, and the bus another one that the socket is late with.
  bus.stream.take(failed(2n));
  socket.stream.take(failed(2n));
  bus.stream.take(failed(3n));
  socket.stream.onRelist = async () => void socket.stream.take(failed(3n));
  bus.stream.take(failed(4n));
  sink.history.splice(0);
  bus.stream.open();
  await turns();
  expect(socket.stream.signal.aborted).toBe(true);
  bus.stream.take(failed(5n));
  expect(sink.units.map(({ stateChangeNs }) => stateChangeNs)).toEqual([2n, 3n, 4n, 5n]);
  expect(sink.history).toEqual([
    "unit a.service failed/running",
    "moved dbus",
    "unit a.service failed/running",
    "unit a.service failed/running",
  ]);
  expect(bus.stream.relists).toBe(1);
  // A later gap is the stream's own.
  bus.stream.attach();
  expect(sink.history.slice(-2)).toEqual(["attached dbus", "recovered 0"]);

  bus.stream.end();
  expect(await done).toBeUndefined();
  expect(abort.signal.aborted).toBe(false);
  expect(clock.pendingTimers).toBe(0);
  expect([bus.streams.length, socket.streams.length]).toEqual([2, 1]);
});

test("requests the same unit names of the better stream", async () => {
  const { bus, socket, clock, sink, abort, done } = await watchWorse(absent);
  sink.names = ["nick.service"];
  socket.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  expect(bus.stream.take({ kind: "attached", transport: "dbus", atNs: 1n })).toMatchObject({
    unitNames: ["nick.service"],
  });
  abort.abort();
  expect(await done).toBeUndefined();
});

test("runs a better way from its beginning, so that the journal is read, after busctl", async () => {
  const { bus, busctl, clock, sink, abort, done } = await watchWorse(missing);
  busctl.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  sink.history.splice(0);
  // The attempt makes systemd send what busctl can see.
  busctl.stream.take(failed(2n));
  bus.stream.open();
  await turns();
  expect(busctl.stream.signal.aborted).toBe(true);
  expect(sink.history).toEqual([]);
  // The first one was the failure at the start, the second one showed that it works.
  expect(bus.streams).toHaveLength(3);
  expect(bus.streams[1]?.signal.aborted).toBe(true);
  bus.stream.open();
  expect(sink.history).toEqual([
    "attached dbus",
    "unit a.service failed/running",
    "recovered 0",
    "listed 0",
  ]);
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test("passes on what busctl saw when the attempt fails", async () => {
  const { bus, busctl, clock, sink, abort, done } = await watchWorse(missing);
  busctl.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  busctl.stream.take(failed(2n));
  expect(sink.units).toEqual([]);
  bus.stream.end();
  await turns();
  expect(sink.units).toEqual([failed(2n)]);
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test("tries the bridge within 20 s, again and again, while it watches by busctl", async () => {
  const { bus, socket, busctl, clock, abort, done } = await watchWorse(missing);
  busctl.stream.open();
  const triedMs: number[] = [];
  let ms = 0;
  for (let tried = 1; ms < 120_000; ms += 1_000) {
    await clock.advance(1_000);
    if (bus.streams.length > tried) triedMs.push(ms + 1_000);
    tried = bus.streams.length;
  }
  expect(triedMs).toEqual([1, 3, 7, 15, 31, 51, 71, 91, 111].map((s) => s * 1_000));
  // Both ways are of the one command that is missing.
  expect(socket.streams).toHaveLength(1);
  expect(busctl.streams).toHaveLength(1);
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test("tries an absent bus ever more rarely, and at once when its unit starts", async () => {
  const { bus, socket, clock, abort, done } = await watchWorse(absent);
  socket.stream.open([unitRow("dbus.socket", "inactive")]);
  await clock.advance(3_600_000);
  expect(bus.streams.length).toBe(15);
  for (const unit of ["dbus.socket", "dbus-broker.service"]) {
    const before = bus.streams.length;
    socket.stream.take(unitSignal({ unit, activeState: "inactive" }));
    await clock.advance(1_000);
    expect(bus.streams).toHaveLength(before);
    socket.stream.take(unitSignal({ unit }));
    await clock.advance(100);
    expect(bus.streams).toHaveLength(before + 1);
  }
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

/** Watches over the private socket or the bus by exec; the direct way to the bus fails with this. */
async function watchBesideDirect(fault: SocketError, inUse: "dbus" | "dbus-private") {
  const ways = [new FakeWay("socket"), new FakeWay("dbus"), new FakeWay("dbus-private")] as const;
  const [direct, bus, priv] = ways;
  direct.fault = fault;
  if (inUse === "dbus-private") bus.fault = absent;
  const clock = new FakeClock();
  const sink = new RecordedSink();
  const abort = new AbortController();
  const auto = new AutoSource(
    [
      { source: direct, peer: "bus", isDirect: true },
      { source: bus, peer: "bus" },
      { source: priv, peer: "private" },
    ],
    { clock, hasBooted: () => true },
  );
  const done = auto.run(sink.take, { signal: abort.signal });
  await turns();
  return { direct, bus, used: inUse === "dbus" ? bus : priv, clock, sink, abort, done };
}

test.each([
  ["that is to come", false, 180],
  ["that isn't to come", true, 14],
])("looks for a bus %s at most so many times an hour", async (_what, isLasting, times) => {
  const gone = new SocketError("there is no bus", "absent", { isLasting });
  const { direct, used, clock, abort, done } = await watchBesideDirect(gone, "dbus-private");
  used.stream.open();
  await clock.advance(30_000);
  const soon = direct.streams.length;
  await clock.advance(3_600_000);
  const later = direct.streams.length - soon;
  expect(later).toBeLessThanOrEqual(times);
  expect(later).toBeGreaterThan(times / 3);
  abort.abort();
  await done;
});

test("runs no command beside a stream to see that the bus is absent", async () => {
  const gone = new SocketError("there is no bus", "absent");
  const { direct, bus, used, clock, sink, abort, done } = await watchBesideDirect(
    gone,
    "dbus-private",
  );
  used.stream.open();
  await clock.advance(60_000);
  expect(direct.streams.length).toBeGreaterThan(4);
  expect(bus.streams).toHaveLength(0);
  direct.fault = undefined;
  used.stream.take(unitSignal({ unit: "dbus.socket" }));
  await clock.advance(100);
  direct.stream.open();
  await turns();
  expect(sink.history).toContain("moved socket");
  abort.abort();
  await done;
});

test("looks ever more rarely whether the host shows the container", async () => {
  const hidden = new SocketError("no such process", "missing", { isLasting: true });
  const { direct, used, clock, abort, done } = await watchBesideDirect(hidden, "dbus");
  used.stream.open();
  await clock.advance(30_000);
  const soon = direct.streams.length;
  expect(soon).toBeGreaterThanOrEqual(5);
  await clock.advance(3_600_000);
  expect(direct.streams.length - soon).toBeLessThan(14);
  abort.abort();
  await done;
});

test.each<[string, (socket: FakeWay, bus: FakeWay) => void]>([
  ["the stream in use has a gap meanwhile", (socket) => socket.stream.attach()],
  ["the better one has a gap", (_, bus) => bus.stream.attach()],
])("doesn't move when %s, and tries again", async (_when, happens) => {
  const { bus, socket, clock, sink, abort, done } = await watchWorse(absent);
  socket.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  socket.stream.onRelist = async () => happens(socket, bus);
  bus.stream.open();
  await turns();
  expect(bus.stream.signal.aborted).toBe(true);
  expect(socket.stream.signal.aborted).toBe(false);
  socket.stream.take(failed(7n));
  expect(sink.units).toHaveLength(1);
  socket.stream.onRelist = async () => {};
  await clock.advance(2_000);
  bus.stream.open();
  await turns();
  expect(sink.history).toContain("moved dbus");
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test("abandons an attempt that takes 30 s", async () => {
  const { bus, socket, clock, abort, done } = await watchWorse(absent);
  socket.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  await clock.advance(29_999);
  expect(bus.stream.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(bus.stream.signal.aborted).toBe(true);
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test("ends the attempt when the stream in use ends, and begins with the way that worked", async () => {
  const { bus, socket, clock, auto, done, sink } = await watchWorse(absent);
  socket.stream.open();
  bus.fault = undefined;
  await clock.advance(1_000);
  socket.stream.end();
  expect(await done).toBeUndefined();
  expect(bus.stream.signal.aborted).toBe(true);
  expect(clock.pendingTimers).toBe(0);
  const abort = new AbortController();
  const again = auto.run(sink.take, { signal: abort.signal });
  await turns();
  expect([bus.streams.length, socket.streams.length]).toEqual([2, 2]);
  abort.abort();
  await again;
});
