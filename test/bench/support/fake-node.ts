import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { Framer } from "../../../src/systemd/dbus/framer.ts";
import { decodeMessage, type Frame } from "../../../src/systemd/dbus/header.ts";
import type { Message } from "../../../src/systemd/dbus/message.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { unitPath } from "../../../src/systemd/format/objects.ts";
import { messageOf, recordedFrames } from "../../systemd/dbus/support/frames.ts";

const SYSTEMD = "org.freedesktop.systemd1";
const GREETING = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n";
const SENDER = ":1.1";
const STARTED_US = 1_790_000_000_000_000n;
const CRASHING = 20;
/** Offset of the serial in a message, and a mark for the place of the answered serial. */
const SERIAL_AT = 8;
const MARK = 0x7e57ab1e;

/** Returns the unit names, which are equal on all fake nodes, as in a real cluster. */
export function unitNames(units: number): string[] {
  return Array.from({ length: units }, (_, number) => `some-service-${number}.service`);
}

/** Replies and signals of systemd, encoded once; only serials and times differ between nodes. */
export class FakeSystemdScript {
  readonly #replies = new Map<string, Template>();
  readonly #units: readonly string[];
  readonly #crash: readonly Template[][];

  constructor(units: number) {
    this.#units = unitNames(units);
    this.#crash = this.#units.slice(0, CRASHING).map((unit) => crashOf(unit));
  }

  /** Number of units that crash in a storm. */
  get crashing(): number {
    return this.#crash.length;
  }

  reply(call: Message, serial: number, more: Iterable<string> = []): Buffer {
    const [, property] = call.member === "Get" ? (call.body() as [string, string]) : [];
    const [of] = call.member === "GetAll" ? (call.body() as [string]) : [];
    const key = property ?? of ?? call.member;
    if (key === "ListUnitsByPatterns") {
      const [, patterns] = call.body() as [string[], string[]];
      const wanted = new Set(patterns);
      const rows = [...more].filter((name) => wanted.has(name)).map(rowOf);
      return new Template({
        type: "method_return",
        replySerial: MARK,
        signature: "a(ssssssouso)",
        body: [rows],
      }).reply(serial, call.serial);
    }
    if (key === "GetUnit") {
      const [name] = call.body() as [string];
      const body = [unitPath(name)];
      return new Template({ type: "method_return", replySerial: MARK, signature: "o", body }).reply(
        serial,
        call.serial,
      );
    }
    let template = this.#replies.get(key);
    if (template === undefined) {
      template = new Template({
        type: "method_return",
        replySerial: MARK,
        ...(this.#answer(key) ?? DEFAULT[call.member] ?? NOTHING),
      });
      this.#replies.set(key, template);
    }
    return template.reply(serial, call.serial);
  }

  /** Returns the signals of one crash and restart of a unit, from running to running again. */
  crash(unit: number, restarts: number, nowUs: bigint): Buffer {
    const frames = this.#crash[unit % this.#crash.length]!;
    return Buffer.concat(frames.map((frame) => frame.timed(nowUs, restarts)));
  }

  #answer(key: string): Answer | undefined {
    switch (key) {
      case "Hello":
        return { signature: "s", body: [":1.42"] };
      case "GetNameOwner":
        return { signature: "s", body: [SENDER] };
      case "Version":
        return { signature: "v", body: [new Variant("s", "252.39-1~deb12u2")] };
      case "SystemState":
        return { signature: "v", body: [new Variant("s", "running")] };
      case "UserspaceTimestamp":
        return { signature: "v", body: [new Variant("t", STARTED_US)] };
      case "SoftRebootsCount":
        return { signature: "v", body: [new Variant("u", 0)] };
      case "OOMKills":
        return { signature: "v", body: [new Variant("t", 0n)] };
      case "FreezerState":
        return { signature: "v", body: [new Variant("s", "running")] };
      case "Restart":
        return { signature: "v", body: [new Variant("s", "always")] };
      case "NRestarts":
        return { signature: "v", body: [new Variant("u", 0)] };
      case "ActiveEnterTimestamp":
      case "StateChangeTimestamp":
        return { signature: "v", body: [new Variant("t", STARTED_US)] };
      case "ListUnits":
        return { signature: "a(ssssssouso)", body: [this.#units.map(rowOf)] };
      case `${SYSTEMD}.Service`:
        return recordedAnswer("NRestarts");
      case `${SYSTEMD}.Unit`:
        return recordedAnswer("ConditionResult");
      case `${SYSTEMD}.Manager`:
        return recordedAnswer("NJobs");
      default:
        return undefined;
    }
  }
}

interface Answer {
  readonly signature: string;
  readonly body: Value[];
}

const NOTHING: Answer = { signature: "", body: [] };
/** Answers by method, for properties that have none of their own. */
const DEFAULT: Readonly<Record<string, Answer>> = {
  Get: { signature: "v", body: [new Variant("t", 0n)] },
  GetAll: { signature: "a{sv}", body: [new Map()] },
};

/** Returns the recorded answer of GetAll that has this property. */
function recordedAnswer(property: string): Answer {
  for (const frame of recordedFrames("systemd-252.bin.gz")) {
    const message = messageOf(frame);
    if (message.signature !== "a{sv}") continue;
    const body = message.body();
    const [properties] = body as [ReadonlyMap<string, Value>];
    if (properties.has(property)) return { signature: message.signature, body };
  }
  throw new Error(`no recorded answer has ${property}`);
}

function rowOf(name: string): Value[] {
  const path = unitPath(name);
  return [name, `What ${name} does`, "loaded", "active", "running", "", path, 0, "", "/"];
}

/** A node's end of a connection: `systemd-stdio-bridge` in front of a bus and a systemd. */
export class FakeNode {
  readonly #script: FakeSystemdScript;
  readonly #send: (bytes: Buffer) => void;
  readonly #framer = new Framer();
  #text: string | undefined = "";
  /** Units that were started and not yet removed. */
  readonly #transient = new Set<string>();
  #serial = 0;
  #restarts = 0;

  constructor(script: FakeSystemdScript, send: (bytes: Buffer) => void) {
    this.#script = script;
    this.#send = send;
  }

  push(bytes: Buffer): void {
    if (this.#text === undefined) {
      this.#framer.push(bytes, this.#frame);
      return;
    }
    const hasAuthBegun = this.#text.includes("AUTH");
    this.#text += bytes.toString("latin1");
    if (!hasAuthBegun && this.#text.includes("AUTH")) this.#send(Buffer.from(GREETING.slice(0, 6)));
    if (this.#text.includes("DATA\r\n") && !this.#text.includes("BEGIN\r\n")) {
      this.#send(Buffer.from(GREETING.slice(6)));
    }
    const begun = this.#text.indexOf("BEGIN\r\n");
    if (begun < 0) return;
    const rest = Buffer.from(this.#text.slice(begun + 7), "latin1");
    this.#text = undefined;
    if (rest.length > 0) this.#framer.push(rest, this.#frame);
  }

  /** Crashes each unit of the storm once. Returns their number. */
  crashAll(): number {
    const { crashing } = this.#script;
    this.#restarts += 1;
    const nowUs = BigInt(Date.now()) * 1_000n;
    const signals = Array.from({ length: crashing }, (_, unit) =>
      this.#script.crash(unit, this.#restarts, nowUs),
    );
    this.#send(Buffer.concat(signals));
    return crashing;
  }

  /** Starts a transient unit, as `systemd-run` does. */
  begin(unit: string): void {
    this.#transient.add(unit);
    this.#signal(managerSignal("UnitNew", unit));
    this.#signal(signalOf(unit, "Service", serviceProperties("success")));
    this.#signal(signalOf(unit, "Unit", unitProperties("active", "running")));
  }

  /** Fails or ends a transient unit, and removes it. */
  end(unit: string, fails: boolean): void {
    if (!this.#transient.delete(unit)) return;
    const state = fails ? "failed" : "inactive";
    const result = fails ? "exit-code" : "success";
    this.#signal(signalOf(unit, "Service", serviceProperties(result)));
    this.#signal(signalOf(unit, "Unit", unitProperties(state, fails ? "failed" : "dead")));
    this.#signal(managerSignal("UnitRemoved", unit));
  }

  #signal(message: Omit<OutgoingMessage, "serial">): void {
    const nowUs = BigInt(Date.now()) * 1_000n;
    this.#send(new Template(message).timed(nowUs, 0));
  }

  readonly #frame = (frame: Frame): void => {
    const message = decodeMessage(frame);
    if (message?.type !== "method_call") return;
    this.#serial += 1;
    this.#send(this.#script.reply(message, this.#serial, this.#transient));
  };
}

/** Message that is encoded once, and sent with new serials and times. */
class Template {
  readonly #bytes: Buffer;
  readonly #replyAt: number;
  readonly #timesAt: readonly number[];
  readonly #restartsAt: number;

  constructor(message: Omit<OutgoingMessage, "serial">) {
    this.#bytes = encodeMessage({ sender: SENDER, ...message, serial: 1 });
    const mark = Buffer.alloc(4);
    mark.writeUInt32LE(MARK);
    this.#replyAt = this.#bytes.indexOf(mark);
    this.#restartsAt = this.#replyAt;
    const time = Buffer.alloc(8);
    time.writeBigUInt64LE(STARTED_US);
    const times: number[] = [];
    for (let at = this.#bytes.indexOf(time); at >= 0; at = this.#bytes.indexOf(time, at + 8)) {
      times.push(at);
    }
    this.#timesAt = times;
  }

  reply(serial: number, replySerial: number): Buffer {
    const made = Buffer.from(this.#bytes);
    made.writeUInt32LE(serial, SERIAL_AT);
    made.writeUInt32LE(replySerial, this.#replyAt);
    return made;
  }

  timed(nowUs: bigint, restarts: number): Buffer {
    const made = Buffer.from(this.#bytes);
    for (const at of this.#timesAt) made.writeBigUInt64LE(nowUs, at);
    if (this.#restartsAt >= 0) made.writeUInt32LE(restarts, this.#restartsAt);
    return made;
  }
}

/** Follows systemd 252: a Service signal precedes each Unit signal. */
function crashOf(unit: string): Template[] {
  const steps = [
    ["failed", "failed", "exit-code"],
    ["activating", "auto-restart", "exit-code"],
    ["active", "running", "success"],
  ] as const;
  return steps.flatMap(([active, sub, result]) => [
    new Template(signalOf(unit, "Service", serviceProperties(result))),
    new Template(signalOf(unit, "Unit", unitProperties(active, sub))),
  ]);
}

function signalOf(
  unit: string,
  of: "Unit" | "Service",
  properties: Record<string, Variant>,
): Omit<OutgoingMessage, "serial"> {
  return {
    type: "signal",
    path: unitPath(unit),
    interface: "org.freedesktop.DBus.Properties",
    member: "PropertiesChanged",
    signature: "sa{sv}as",
    body: [`${SYSTEMD}.${of}`, new Map(Object.entries(properties)), []],
  };
}

function managerSignal(member: string, unit: string): Omit<OutgoingMessage, "serial"> {
  return {
    type: "signal",
    path: "/org/freedesktop/systemd1",
    interface: `${SYSTEMD}.Manager`,
    member,
    signature: "so",
    body: [unit, unitPath(unit)],
  };
}

function serviceProperties(result: string): Record<string, Variant> {
  const time = new Variant("t", STARTED_US);
  return {
    MainPID: new Variant("u", 0),
    ControlPID: new Variant("u", 0),
    StatusText: new Variant("s", ""),
    StatusErrno: new Variant("i", 0),
    Result: new Variant("s", result),
    ReloadResult: new Variant("s", "success"),
    CleanResult: new Variant("s", "success"),
    UID: new Variant("u", 0xffffffff),
    GID: new Variant("u", 0xffffffff),
    NRestarts: new Variant("u", MARK),
    ExecMainStartTimestamp: time,
    ExecMainStartTimestampMonotonic: new Variant("t", 1_000_000n),
    ExecMainExitTimestamp: time,
    ExecMainExitTimestampMonotonic: new Variant("t", 1_000_000n),
    ExecMainPID: new Variant("u", 4711),
    ExecMainCode: new Variant("i", 1),
    ExecMainStatus: new Variant("i", result === "success" ? 0 : 1),
  };
}

function unitProperties(active: string, sub: string): Record<string, Variant> {
  const time = new Variant("t", STARTED_US);
  const monotonic = new Variant("t", 1_000_000n);
  return {
    ActiveState: new Variant("s", active),
    FreezerState: new Variant("s", "running"),
    SubState: new Variant("s", sub),
    StateChangeTimestamp: time,
    StateChangeTimestampMonotonic: monotonic,
    InactiveExitTimestamp: time,
    InactiveExitTimestampMonotonic: monotonic,
    ActiveEnterTimestamp: time,
    ActiveEnterTimestampMonotonic: monotonic,
    ActiveExitTimestamp: time,
    ActiveExitTimestampMonotonic: monotonic,
    InactiveEnterTimestamp: time,
    InactiveEnterTimestampMonotonic: monotonic,
    Job: new Variant("(uo)", [0, "/"]),
    ConditionResult: new Variant("b", true),
    AssertResult: new Variant("b", true),
    ConditionTimestamp: time,
    ConditionTimestampMonotonic: monotonic,
    AssertTimestamp: time,
    AssertTimestampMonotonic: monotonic,
    InvocationID: new Variant("ay", new Uint8Array(16).fill(7)),
    Conditions: new Variant("a(sbbsi)", []),
  };
}
