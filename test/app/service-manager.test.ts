import { expect, test } from "@jest/globals";
import { openServiceNotifier, type ServiceNotifier } from "../../src/app/service-manager.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { turns } from "../support/turns.ts";

interface Notified {
  readonly service: ServiceNotifier;
  readonly clock: FakeClock;
  readonly end: AbortController;
  readonly said: string[];
  readonly lines: readonly string[];
}

function notifier(
  env: Readonly<Record<string, string>>,
  answer: (state: string) => Promise<void> = async () => {},
): Notified {
  const clock = new FakeClock();
  const end = new AbortController();
  const said: string[] = [];
  const { log, lines } = recordedLog(clock);
  const parsed = parseConfig([], env);
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const { serviceManager } = parsed.config;
  const options = { serviceManager, clock, log, signal: end.signal };
  const service = openServiceNotifier(options, (socket, states) => {
    said.push(`${socket} ${states.join(" ")}`);
    return answer(states.join(" "));
  });
  return { service, clock, end, said, lines };
}

const SOCKET = { NOTIFY_SOCKET: "/run/systemd/notify" };

test("notifies READY=1 once, then STOPPING=1", async () => {
  const { service, end, said } = notifier(SOCKET);

  expect(said).toEqual([]);
  service.ready();
  service.ready();
  end.abort();
  await service[Symbol.asyncDispose]();

  expect(said).toEqual(["/run/systemd/notify READY=1", "/run/systemd/notify STOPPING=1"]);
});

test("notifies WATCHDOG=1 twice in each interval until the end", async () => {
  const { service, clock, said } = notifier({ ...SOCKET, WATCHDOG_USEC: "60000000" });

  await clock.advance(29_999);
  expect(said).toEqual([]);
  await clock.advance(1);
  await clock.advance(30_000);
  expect(said).toEqual(["/run/systemd/notify WATCHDOG=1", "/run/systemd/notify WATCHDOG=1"]);

  await service[Symbol.asyncDispose]();
  expect(clock.pendingTimers).toBe(0);
});

test("sends no further WATCHDOG=1 while one is pending", async () => {
  const read = Promise.withResolvers<void>();
  const { service, clock, said } = notifier(
    { ...SOCKET, WATCHDOG_USEC: "2000000" },
    () => read.promise,
  );

  await clock.advance(10_000);
  expect(said).toHaveLength(1);
  read.resolve();
  await turns(5);
  await clock.advance(1_000);
  expect(said).toHaveLength(2);
  await service[Symbol.asyncDispose]();
});

test("logs and goes on when systemd can't be notified", async () => {
  const { service, end, said, lines } = notifier(SOCKET, async () => {
    throw new Error("no systemd-notify");
  });

  service.ready();
  end.abort();
  await service[Symbol.asyncDispose]();

  expect(said).toHaveLength(2);
  expect(lines).toEqual([
    'level=warn msg="service manager notification failed" state="READY=1" err="no systemd-notify"',
  ]);
});

test("sends nothing when systemd expects no notifications", async () => {
  const { service, clock, end, said } = notifier({ WATCHDOG_USEC: "60000000" });

  service.ready();
  await clock.advance(60_000);
  end.abort();
  await service[Symbol.asyncDispose]();

  expect(said).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});
