import { BusctlSource } from "../../../src/systemd/transport/busctl.ts";
import { FakeBusctl } from "../fake-busctl.ts";
import { FakeClock } from "../fake-clock.ts";
import { turns } from "../turns.ts";
import { RecordedSink } from "./recorded-sink.ts";

export const LISTENING = "Monitoring bus message stream.";

/** One run of a {@link BusctlSource} over a fake busctl. */
export interface WatchedBusctl {
  readonly busctl: FakeBusctl;
  readonly clock: FakeClock;
  readonly sink: RecordedSink;
  readonly history: string[];
  readonly end: AbortController;
  /** Its end: "" if it resolved, else the error's message. */
  readonly done: Promise<string>;
  /** Prints lines, and lets what they cause go on. */
  readonly say: (...lines: readonly string[]) => Promise<void>;
}

export interface WatchBusctlOptions {
  readonly prepare?: (busctl: FakeBusctl) => void;
  readonly isPaused?: () => boolean;
  readonly sink?: (sink: RecordedSink) => void;
}

/** Starts to watch; the monitor runs, and has printed nothing yet. */
export async function watchBusctl(options: WatchBusctlOptions = {}): Promise<WatchedBusctl> {
  const busctl = new FakeBusctl();
  options.prepare?.(busctl);
  const clock = new FakeClock(Date.UTC(2026, 11, 1));
  const sink = new RecordedSink(busctl.history);
  options.sink?.(sink);
  const end = new AbortController();
  const source = new BusctlSource({
    runtime: busctl,
    container: "a1",
    clock,
    isPaused: options.isPaused,
  });
  const done = source.run(sink.take, { signal: end.signal }).then(
    () => "",
    (error: Error) => error.message,
  );
  await turns();
  const say = async (...lines: readonly string[]): Promise<void> => {
    busctl.monitor.say(...lines);
    await turns();
  };
  return { busctl, clock, sink, history: busctl.history, end, done, say };
}

/** Starts to watch, and resolves when units were listed and the manager was read. */
export async function standingBusctl(
  options: WatchBusctlOptions = {},
): Promise<WatchedBusctl & { readonly first: readonly string[] }> {
  const watched = await watchBusctl(options);
  await watched.say(LISTENING);
  return { ...watched, first: watched.history.splice(0) };
}

/** A signal as `busctl monitor --json=short` prints it. */
export function signalLine(
  member: string,
  data: readonly unknown[],
  { sentBy = "systemd1.Manager", us = 1_000 } = {},
): string {
  return JSON.stringify({
    type: "signal",
    "timestamp-realtime": us,
    path: "/",
    interface: `org.freedesktop.${sentBy}`,
    member,
    payload: { type: "", data },
  });
}

/** NameOwnerChanged of systemd's name. */
export function ownerLine(before: string, after: string): string {
  const data = ["org.freedesktop.systemd1", before, after];
  return signalLine("NameOwnerChanged", data, { sentBy: "DBus" });
}

/** The answer of ListUnits: these units, all of them running. */
export function rowsOf(...names: readonly string[]): { readonly stdout: string } {
  const rows = names.map((name) => [name, "", "loaded", "active", "running"]);
  return { stdout: JSON.stringify({ data: [rows] }) };
}
