import type { OpenStream } from "../../../src/domain/systemd.ts";
import { DbusSource, type BridgeTarget } from "../../../src/systemd/transport/dbus.ts";
import { FakeClock } from "../fake-clock.ts";
import { until } from "../until.ts";
import type { FakeBridge } from "./fake-bridge.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import type { FakeSystemd } from "./fake-systemd.ts";
import { RecordedSink } from "./recorded-sink.ts";

/** One run of a {@link DbusSource} over a fake bridge. */
export interface WatchedBridge {
  readonly runtime: FakeRuntime;
  readonly clock: FakeClock;
  readonly sink: RecordedSink;
  readonly abort: AbortController;
  /** Streams whose units were listed. */
  readonly opened: readonly OpenStream[];
  /** Its end: undefined, or why it failed. */
  readonly done: Promise<Error | undefined>;
  readonly bridge: FakeBridge;
  readonly systemd: FakeSystemd;
  /** Events of the fakes and messages, in order. */
  readonly history: readonly string[];
  /** Resolves when the history has this line; throws if it never does. */
  readonly saw: (what: string | RegExp) => Promise<void>;
  /** Begins a new history. */
  readonly forget: () => void;
}

export interface WatchBridgeOptions {
  readonly target?: BridgeTarget;
  readonly runtime?: FakeRuntime;
  readonly isPaused?: () => boolean;
  readonly sink?: (sink: RecordedSink) => void;
}

/** Starts to watch; nothing has happened yet when it returns. */
export function watchBridge(options: WatchBridgeOptions = {}): WatchedBridge {
  const { target = "bus", isPaused, runtime = new FakeRuntime() } = options;
  const clock = new FakeClock();
  const sink = new RecordedSink(runtime.history);
  options.sink?.(sink);
  const abort = new AbortController();
  const source = new DbusSource({ runtime, container: "c0ffee", clock, target, isPaused });
  const opened: OpenStream[] = [];
  const run = { signal: abort.signal, opened: (stream: OpenStream) => void opened.push(stream) };
  const done = source.run(sink.take, run).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  const { history } = runtime;
  return {
    runtime,
    clock,
    sink,
    abort,
    opened,
    done,
    history,
    get bridge() {
      return runtime.bridge;
    },
    get systemd() {
      return runtime.bridge.systemd;
    },
    saw: (what) =>
      until(() =>
        history.some((line) => (typeof what === "string" ? line === what : what.test(line))),
      ),
    forget: () => void history.splice(0),
  };
}

/** Starts to watch, and resolves when units were listed and the manager was read. */
export async function standingBridge(options: WatchBridgeOptions = {}): Promise<WatchedBridge> {
  const watched = watchBridge(options);
  await watched.saw(/^manager /);
  watched.forget();
  return watched;
}
