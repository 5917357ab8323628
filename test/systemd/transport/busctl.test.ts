import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { MARK } from "../../../src/systemd/format/mark.ts";
import type { FakeBusctl } from "../../support/fake-busctl.ts";
import { LISTENING, watchBusctl } from "../../support/systemd/watched-busctl.ts";
import { turns } from "../../support/turns.ts";

const RECORDED = readFileSync(
  new URL("../../fixtures/busctl/monitor.jsonl", import.meta.url),
  "utf8",
).trimEnd();

const watched = (prepare: (busctl: FakeBusctl) => void = () => {}) => watchBusctl({ prepare });

/** A Unit signal as busctl writes it. */
function unitLine(unit: string, activeState: string): string {
  return JSON.stringify({
    type: "signal",
    "timestamp-realtime": 1_795_345_333_696_753,
    path: `/org/freedesktop/systemd1/unit/${unit.replaceAll(".", "_2e")}`,
    interface: "org.freedesktop.DBus.Properties",
    member: "PropertiesChanged",
    payload: {
      type: "sa{sv}as",
      data: [
        "org.freedesktop.systemd1.Unit",
        {
          ActiveState: { type: "s", data: activeState },
          SubState: { type: "s", data: "running" },
        },
        [],
      ],
    },
  });
}

const ROWS = JSON.stringify({
  type: "a(ssssssouso)",
  data: [[["a.service", "A", "loaded", "active", "running", "", "/p", 0, "", "/"]]],
});

test("passes the rule to the shell as an argument", async () => {
  const { busctl, end, done } = await watched();
  const [shell, flag, script = "", name, rule] = busctl.commands[0] ?? [];
  expect([shell, flag, name]).toEqual(["sh", "-c", MARK]);
  expect(rule).toMatch(/^type=signal,interface=org\.freedesktop\.DBus\.Properties,/);
  expect(script).toContain('--match "$1"');
  expect(script).not.toContain(rule);
  end.abort();
  expect(await done).toBe("");
});

test("calls nothing before busctl listens, then everything in order", async () => {
  const { busctl, sink, history, end, done } = await watched((fake) => {
    fake.units = { stdout: ROWS };
  });
  expect(history).toEqual([]);
  busctl.monitor.say("some remark", LISTENING);
  await turns();
  expect(history).toEqual([
    "attached busctl",
    "recovered 0",
    "ListUnits",
    "listed 1",
    "SoftRebootsCount",
    "manager 252 running",
  ]);
  expect(sink.rows.get("a.service")).toBe("active/running");
  expect(busctl.commands[1]).toEqual([
    "sh",
    "-c",
    '"$@"',
    MARK,
    "busctl",
    "--json=short",
    "call",
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
    "ListUnits",
  ]);
  end.abort();
  expect(await done).toBe("");
});

test("calls systemd until busctl prints the call when busctl doesn't print that it listens", async () => {
  const { busctl, history, clock, end, done } = await watched((fake) => {
    fake.units = { stdout: ROWS };
  });
  await clock.advance(100);
  await turns();
  expect(history).toEqual(["SoftRebootsCount"]);
  await clock.advance(200);
  await turns();
  expect(history).toEqual(["SoftRebootsCount", "SoftRebootsCount"]);
  busctl.monitor.say('{"type":"method_call","member":"Get"}');
  await turns();
  expect(history.slice(2)).toEqual([
    "attached busctl",
    "recovered 0",
    "ListUnits",
    "listed 1",
    "SoftRebootsCount",
    "manager 252 running",
  ]);
  await clock.advance(5_000);
  expect(history).toHaveLength(8);
  end.abort();
  expect(await done).toBe("");
});

test("passes signals on as they come, also before the listing is answered", async () => {
  const units = Promise.withResolvers<{ stdout: string }>();
  const { busctl, history, end, done } = await watched((fake) => {
    fake.units = units.promise;
  });
  busctl.monitor.say(LISTENING, unitLine("a.service", "failed"));
  await turns();
  units.resolve({ stdout: ROWS });
  await turns();
  busctl.monitor.say(unitLine("b.service", "active"));
  await turns();
  expect(history.filter((line) => /^(?:unit|listed)/.test(line))).toEqual([
    "unit a.service failed/running",
    "listed 1",
    "unit b.service active/running",
  ]);
  end.abort();
  await done;
});

test("takes a signal as proof that busctl listens", async () => {
  const { busctl, history, end, done } = await watched();
  busctl.monitor.say(unitLine("a.service", "failed"));
  await turns();
  expect(history.slice(0, 2)).toEqual(["attached busctl", "unit a.service failed/running"]);
  busctl.monitor.say(LISTENING, LISTENING);
  await turns();
  expect(history.filter((line) => line === "attached busctl")).toHaveLength(1);
  end.abort();
  await done;
});

test("reads a recorded stream", async () => {
  const { busctl, sink, history, end, done } = await watched();
  busctl.monitor.say(LISTENING, RECORDED);
  await turns(20);
  expect(history).not.toContain("parse error");
  const crashes = sink.units.filter(({ unit }) => unit === "crash-loop@a:b.service");
  expect(crashes.filter(({ activeState }) => activeState === "failed").length).toBeGreaterThan(0);
  expect(sink.services.some(({ result }) => result === "exit-code")).toBe(true);
  end.abort();
  await done;
});

test("counts malformed lines, and goes on", async () => {
  const { busctl, history, end, done } = await watched();
  busctl.monitor.say(LISTENING, "{", '{"type":"signal","member":7}', "{}");
  busctl.monitor.stdout.write(Buffer.from([0xff, 0x0a]));
  busctl.monitor.say(unitLine("a.service", "active"), '{"type":"method_call"}');
  await turns();
  expect(history.filter((line) => line === "parse error")).toHaveLength(4);
  expect(history).toContain("unit a.service active/running");
  end.abort();
  await done;
});

test("ends busctl's input on abort, and cuts nothing when that suffices", async () => {
  const { busctl, clock, history, end, done } = await watched();
  busctl.monitor.say(LISTENING);
  await turns();
  end.abort();
  expect(await done).toBe("");
  expect(history).toContain("stdin end");
  expect(busctl.monitor.kills).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

test("cuts the connection when the end of its input doesn't end busctl", async () => {
  const { busctl, clock, history, end, done } = await watched();
  busctl.monitor.isStuck = true;
  busctl.monitor.say(LISTENING);
  await turns();
  end.abort();
  await turns();
  expect(history.at(-1)).toBe("stdin end");
  await clock.advance(1_999);
  expect(busctl.monitor.kills).toBe(0);
  await clock.advance(1);
  expect(busctl.monitor.kills).toBe(1);
  expect(await done).toBe("");
  expect(clock.pendingTimers).toBe(0);
});

test("resolves when the stream ends after it was open", async () => {
  const { busctl, history, clock, done } = await watched();
  busctl.monitor.say(LISTENING, unitLine("a.service", "active"));
  await turns();
  busctl.monitor.end({ exitCode: 137, stderr: "" });
  expect(await done).toBe("");
  expect(history.at(-1)).toBe("stdin end");
  expect(clock.pendingTimers).toBe(0);
});

test.each([
  [
    "what the engine writes to stdout",
    'OCI runtime exec failed: exec failed: exec: "sh": executable file not found in $PATH: unknown',
    { exitCode: 126, stderr: "" },
    'OCI runtime exec failed: exec failed: exec: "sh": executable file not found in $PATH: unknown',
  ],
  [
    "what the shell says",
    "unitwatch: 2: busctl: not found",
    { exitCode: 127, stderr: "" },
    "unitwatch: 2: busctl: not found",
  ],
  ["stderr", "", { exitCode: 1, stderr: "Error: No such container\n" }, "Error: No such container"],
  ["the exit code", "", { exitCode: 126, stderr: "" }, "exit code 126"],
  ["no more than that", "", undefined, "exit code unknown"],
])("reports %s when busctl fails to start", async (_what, stdout, exit, why) => {
  for (const newline of ["\n", "\r\n", ""]) {
    const { busctl, history, done } = await watched();
    busctl.monitor.stdout.write(stdout === "" ? "" : stdout + newline);
    busctl.monitor.stdout.end();
    busctl.monitor.exit(exit);
    expect(await done).toBe(`busctl monitor can't be run: ${why}`);
    expect(history).toEqual(["stdin end"]);
  }
});

test("cuts an endless remark", async () => {
  const { busctl, done } = await watched();
  busctl.monitor.say("x".repeat(100_000));
  busctl.monitor.end({ exitCode: 1, stderr: "" });
  expect((await done).length).toBeLessThan(400);
});

test("fails with the runtime's error when the exec fails", async () => {
  const { done } = await watched((fake) => {
    fake.fault = new Error("container a1 is paused");
  });
  expect(await done).toBe("container a1 is paused");
});

test("fails when busctl prints nothing for 10 s", async () => {
  const { busctl, clock, history, done } = await watched();
  busctl.monitor.say("remark");
  await clock.advance(9_999);
  expect(history).not.toContain("stdin end");
  await clock.advance(1);
  expect(await done).toBe("busctl monitor printed nothing for 10 s");
  expect(history.at(-1)).toBe("stdin end");
  expect(history).not.toContain("ListUnits");
});

test("cuts busctl off when it prints nothing and hangs", async () => {
  const { busctl, clock, done } = await watched();
  busctl.monitor.isStuck = true;
  await clock.advance(10_000);
  expect(busctl.monitor.kills).toBe(0);
  await clock.advance(2_000);
  expect(busctl.monitor.kills).toBe(1);
  expect(await done).toBe("busctl monitor printed nothing for 10 s");
});

test("keeps an open stream, however quiet it is", async () => {
  const { busctl, clock, end, done } = await watched();
  busctl.monitor.say(LISTENING);
  await clock.advance(3_600_000);
  expect(busctl.monitor.stdin.ended).toBe(false);
  end.abort();
  await done;
  expect(clock.pendingTimers).toBe(0);
});

test.each([
  [
    "its failure",
    { exitCode: 1, stderr: "Call failed: Access denied\n" },
    "Call failed: Access denied",
  ],
  [
    "what the engine says",
    { exitCode: 126, stdout: "OCI runtime exec failed" },
    "OCI runtime exec failed",
  ],
  ["nonsense", { stdout: "{}" }, "{}"],
])("ends the stream when a listing fails: %s", async (_what, units, why) => {
  const { busctl, history, done } = await watched((fake) => {
    fake.units = units;
  });
  busctl.monitor.say(LISTENING);
  expect(await done).toBe(`busctl call ListUnits failed: ${why}`);
  expect(history).toContain("stdin end");
  expect(history.join("\n")).not.toContain("listed");
});

test("ends the stream when ListUnits can't be run", async () => {
  const { busctl, done } = await watched((fake) => {
    fake.units = new Error("docker exec failed: its output is larger than 16777216 bytes");
  });
  busctl.monitor.say(LISTENING);
  expect(await done).toMatch(/larger than 16777216/);
});

test("goes on when the manager gives no properties", async () => {
  const { busctl, history, end, done } = await watched((fake) => {
    fake.facts = { exitCode: 1, stderr: "Access denied" };
  });
  busctl.monitor.say(LISTENING);
  await turns();
  expect(history.at(-1)).toBe("manager undefined undefined");
  end.abort();
  expect(await done).toBe("");
});

test("resolves when aborted during the listing", async () => {
  const units = Promise.withResolvers<{ stdout: string }>();
  const { busctl, history, end, done } = await watched((fake) => {
    fake.units = units.promise;
  });
  busctl.monitor.say(LISTENING);
  await turns();
  end.abort();
  units.resolve({ stdout: ROWS });
  expect(await done).toBe("");
  expect(history.join("\n")).not.toContain("listed");
});

test("fails when the stream breaks, and reports nothing more", async () => {
  const units = Promise.withResolvers<{ stdout: string }>();
  const { busctl, history, done } = await watched((fake) => {
    fake.units = units.promise;
  });
  busctl.monitor.say(LISTENING);
  await turns();
  busctl.monitor.stdout.destroy(new Error("EIO"));
  await turns();
  units.resolve({ stdout: ROWS });
  expect(await done).toBe("EIO");
  await turns();
  expect(history.join("\n")).not.toContain("listed");
});
