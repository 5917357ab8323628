import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { EngineEvent } from "../../../src/domain/engine-event.ts";
import { parseDockerEvent } from "../../../src/engine/format/docker-event-line.ts";

function parsed(line: string): EngineEvent {
  const event = parseDockerEvent(line);
  if (event === undefined || event === "malformed") throw new Error(`${event}: ${line}`);
  return event;
}

const start = (rest: string): string =>
  `{"Type":"container","Action":"start","Actor":{"ID":"ab","Attributes":{"name":"n"}}${rest}}`;

test("reads recorded lines with their times to the nanosecond", () => {
  const text = readFileSync(new URL("../../fixtures/docker/events.jsonl", import.meta.url), "utf8");
  const events = text.trimEnd().split("\n").map(parsed);
  expect(events).toHaveLength(26);
  const actions = events.map(({ action }) => action).filter((word) => !word.startsWith("exec_"));
  expect(actions.join(", ")).toBe(
    "create, start, health_status: healthy, pause, unpause, kill, kill, die, stop, start, " +
      "restart, rename, kill, die, destroy, create, start, oom, die, destroy",
  );
  expect(events[0]).toEqual({
    action: "create",
    id: "a57a702ef35db27ddca21f74475a8b64fc5a0609228df24278e433d5cd5b5ab8",
    attributes: new Map([
      ["image", "unitwatch-test/busybox"],
      ["name", "sind-fix-worker-0"],
      ["odd", '"timeNano":5,'],
      ["sind.cluster", "fix"],
    ]),
    timeNs: 1_795_345_335_788_625_648n,
  });
});

test.each([
  [
    "last, as docker has it",
    start(',"time":1,"timeNano":1795345335788625649'),
    1795345335788625649n,
  ],
  ["not last", start(',"timeNano":1795345335788625649,"time":1'), 1795345335788625649n],
  ["with spaces", start(', "timeNano" : 1795345335788625649 '), 1795345335788625649n],
  ["twice", start(',"timeNano":7,"timeNano":1795345335788625649,"x":{}'), 1795345335788625649n],
  [
    "and another one inside",
    start(',"timeNano":9007199254740993,"x":{"timeNano":5}'),
    9007199254740993n,
  ],
  [
    "and another one in a key",
    start(',"timeNano":9007199254740993,"x,\\"timeNano":5'),
    9007199254740993n,
  ],
  ["in whole seconds", start(',"time":1795345335'), 1795345335000000000n],
  ["in whole seconds, with an empty timeNano", start(',"time":2,"timeNano":0'), 2000000000n],
  ["nowhere", start(""), 0n],
])("reads the exact time: %s", (_, line, timeNs) => {
  expect(parsed(line).timeNs).toBe(timeNs);
});

test("reads no label as the time", () => {
  const line = (label: string): string =>
    `{"Action":"die","Actor":{"Attributes":${JSON.stringify({ label, [label]: "x" })}},"timeNano":9007199254740993}`;
  for (const label of ['"timeNano":5', ',"timeNano":5}', '\\","timeNano":5}', "timeNano"]) {
    expect(parsed(line(label)).timeNs).toBe(9_007_199_254_740_993n);
    expect(parsed(line(label)).attributes.get("label")).toBe(label);
  }
  const bare = '{"Action":"die","Actor":{"Attributes":{"a":"","timeNano":5}}}';
  expect(parsed(bare).timeNs).toBe(0n);
});

test("reads labels with the names of built-in properties", () => {
  const line =
    '{"Action":"start","__proto__":{"Action":"die"},"Actor":{"__proto__":{"Attributes":{"name":"x"}},' +
    '"Attributes":{"__proto__":"p","constructor":"c","name":"n"}}}';
  const event = parsed(line);
  expect(event.action).toBe("start");
  expect([...event.attributes]).toEqual([
    ["__proto__", "p"],
    ["constructor", "c"],
    ["name", "n"],
  ]);
  expect(parsed('{"Action":"start"}').attributes.get("constructor")).toBeUndefined();
});

test("leaves out attributes that aren't strings", () => {
  const line =
    '{"Action":"die","Actor":{"Attributes":{"name":"n","exitCode":137,"a":{},"b":null}}}';
  expect([...parsed(line).attributes]).toEqual([["name", "n"]]);
});

test.each(["image", "network", "volume"])("ignores events of type %s", (type) => {
  expect(parseDockerEvent(`{"Type":"${type}","Action":"pull"}`)).toBeUndefined();
});

test.each([
  ["no JSON", "not json"],
  ["half a line", '{"Type":"container","Action":"sta'],
  ["a byte order mark", `\uFEFF${start("")}`],
  ["an array", "[]"],
  ["null", "null"],
  ["a text", '"start"'],
  ["no action", '{"Type":"container"}'],
  ["a number as the type", '{"Type":1,"Action":"start"}'],
  ["a number as the action", '{"Type":"container","Action":1}'],
  ["a text as the actor", '{"Action":"start","Actor":"n"}'],
  ["a number as the id", '{"Action":"start","Actor":{"ID":1}}'],
  ["a list of attributes", '{"Action":"start","Actor":{"Attributes":["name"]}}'],
  ["a number as the name", '{"Action":"start","Actor":{"Attributes":{"name":1}}}'],
  ["a text as the time", start(',"time":"1"')],
  ["a fraction as the time", start(',"time":1.5')],
  ["a time before 1970", start(',"time":-1')],
  ["a text as the nanoseconds", start(',"timeNano":"1795345335788625649"')],
  ["a fraction as the nanoseconds", start(',"timeNano":1.5')],
  ["nanoseconds with an exponent", start(',"timeNano":1e18')],
  ["nanoseconds before 1970", start(',"timeNano":-5')],
  ["nanoseconds beyond any clock", start(`,"timeNano":${"9".repeat(20)}`)],
  ["endless depth", start(`,"timeNano":5,"x":${"[".repeat(200_000)}${"]".repeat(200_000)}`)],
])("reports as malformed: %s", (_, line) => {
  expect(parseDockerEvent(line)).toBe("malformed");
});

test("reads podman's events like docker's", () => {
  const podman5 =
    '{"ContainerExitCode":137,"ID":"5cb9","Image":"busybox","Name":"web","Status":"died",' +
    '"time":1795345339,"timeNano":1795345339060434057,"Type":"container",' +
    '"Attributes":{"name":"label","sind.cluster":"dev"}}';
  expect(parsed(podman5)).toEqual({
    action: "die",
    id: "5cb9",
    attributes: new Map([
      ["name", "web"],
      ["sind.cluster", "dev"],
      ["image", "busybox"],
      ["exitCode", "137"],
    ]),
    timeNs: 1_795_345_339_060_434_057n,
  });

  const podman4 =
    '{"ID":"5cb9","Image":"busybox","Name":"web","Status":"health_status","HealthStatus":"healthy",' +
    '"Time":"2026-11-22T11:02:19.060434057+01:00","Type":"container","Attributes":null}';
  const { action, timeNs } = parsed(podman4);
  expect(action).toBe("health_status: healthy");
  expect(timeNs).toBe(1_795_341_739_060_434_057n);

  // podman's API speaks docker's shape, but for a word or two.
  const byApi =
    '{"status":"remove","id":"7145","Type":"container","Action":"remove","Actor":{"ID":"7145",' +
    '"Attributes":{"containerExitCode":"0","name":"p3"}},"time":1795668637,"timeNano":1795668637150267639}';
  expect(parsed(byApi).action).toBe("destroy");
  expect(parsed('{"Name":"web","Status":"remove","Type":"container"}').action).toBe("destroy");
  expect(parseDockerEvent('{"Name":"busybox","Status":"pull","Type":"image"}')).toBeUndefined();
});
