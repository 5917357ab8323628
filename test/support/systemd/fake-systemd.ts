import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { Framer } from "../../../src/systemd/dbus/framer.ts";
import { decodeMessage } from "../../../src/systemd/dbus/header.ts";
import type { Message } from "../../../src/systemd/dbus/message.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { unitPath } from "../../../src/systemd/format/objects.ts";
import { globMatches } from "./glob.ts";

const SYSTEMD = "org.freedesktop.systemd1";
const MANAGER = { path: "/org/freedesktop/systemd1", interface: `${SYSTEMD}.Manager` };
const PROPERTIES = "org.freedesktop.DBus.Properties";
const BUS = "org.freedesktop.DBus";
/** Of a property that its version doesn't have. */
const UNKNOWN_PROPERTY = "org.freedesktop.DBus.Error.UnknownProperty";
const ROWS = "a(ssssssouso)";

/** A unit of the fake systemd. */
export interface FakeUnit {
  readonly activeState: string;
  readonly subState: string;
  /** Default `loaded`. */
  readonly loadState?: string;
  /** Default `running`. */
  readonly freezerState?: string;
  /** OOMKills, which systemd has once `errors` doesn't say otherwise. Default: no value. */
  readonly oomKills?: bigint;
  /** ActiveEnterTimestamp, in microseconds. */
  readonly activeEnterUs?: bigint;
  /** StateChangeTimestamp, in microseconds. */
  readonly stateChangeUs?: bigint;
  /** Its other properties, of all interfaces. */
  readonly properties?: Readonly<Record<string, Variant>>;
}

export interface FakeSystemdOptions {
  /** True for a bus in between, false for the private socket. Default true. */
  readonly hasBus?: boolean;
  /** Receives its bytes. */
  readonly say: (bytes: Buffer) => void;
  /** Called with each question, before its answer: `ListUnits`, `Get Version`, `AddMatch type=…`. */
  readonly asked?: (question: string) => void;
}

/** systemd, and the bus before it, as far as a watcher calls them: the other end of a connection. */
export class FakeSystemd {
  readonly units = new Map<string, FakeUnit>();
  /** Units by their other names. */
  readonly aliases = new Map<string, string>();
  /** All calls that it received, in order. */
  readonly questions: string[] = [];
  /** Destination of each question; "" for none. */
  readonly destinations = new Set<string>();
  /** Questions, by their first words, that it answers with this error, or with nothing at all. */
  readonly errors = new Map<string, string>([
    ["Get SoftRebootsCount", UNKNOWN_PROPERTY],
    ["Get OOMKills", UNKNOWN_PROPERTY],
  ]);
  readonly silent = new Set<string>();
  /** Questions, by their first words, whose answers wait for {@link release}. */
  readonly held = new Set<string>();
  readonly #heldAnswers: Omit<OutgoingMessage, "serial">[] = [];
  /** Calls that wait since it hangs, in order; undefined while it doesn't. */
  #hung: (() => void)[] | undefined;
  /** If true, the bus hangs too. */
  isBusHung = false;
  /** Said in place of the answer to AUTH; undefined says what a bus says. */
  greeting: string | undefined = undefined;
  version = "252.39-1~deb12u2";
  systemState = "running";
  logLevel = "info";
  logTarget = "journal-or-kmsg";
  /** UserspaceTimestamp, in microseconds. */
  userspaceUs = 1_600_000_000_000_000n;
  /** SoftRebootsCount, which it has once `errors` doesn't say otherwise. */
  softReboots: number | string = 0;
  readonly #options: FakeSystemdOptions;
  readonly #framer = new Framer();
  /** Undefined once the client has begun. */
  #lines: string | undefined = "";
  #serial = 0;

  constructor(options: FakeSystemdOptions) {
    this.#options = options;
  }

  /** Takes bytes of the client. */
  push(bytes: Buffer): void {
    if (this.#lines === undefined) {
      this.#frames(bytes);
      return;
    }
    this.#lines += bytes.toString("latin1");
    for (let end = this.#lines.indexOf("\r\n"); end >= 0; end = this.#lines.indexOf("\r\n")) {
      const line = this.#lines.slice(0, end);
      this.#lines = this.#lines.slice(end + 2);
      if (line === "BEGIN") {
        const rest = Buffer.from(this.#lines, "latin1");
        this.#lines = undefined;
        this.#frames(rest);
        return;
      }
      this.#authenticate(line);
    }
  }

  /** Sends the answers that were held, as they were when it was asked. */
  release(): void {
    this.held.clear();
    for (const answer of this.#heldAnswers.splice(0)) this.send(answer);
  }

  /** Answers nothing until the returned function is called. The bus before it goes on. */
  hang(): () => void {
    this.#hung = [];
    return () => {
      const waiting = this.#hung ?? [];
      this.#hung = undefined;
      for (const answer of waiting) answer();
    };
  }

  /** Emits a signal of its manager. */
  emit(member: string, signature: string, ...body: Value[]): void {
    this.send({ type: "signal", ...MANAGER, member, signature, body });
  }

  /** Emits NameOwnerChanged of systemd's name: it executes itself again. */
  emitOwner(before: string, after: string): void {
    const member = "NameOwnerChanged";
    const from = { path: "/org/freedesktop/DBus", interface: BUS, sender: BUS };
    const body = [SYSTEMD, before, after];
    this.send({ type: "signal", ...from, member, signature: "sss", body });
  }

  /** Emits PropertiesChanged of a unit's object, with the other properties that systemd sends. */
  emitProperties(unit: string, of: "Unit" | "Service", properties: Record<string, Variant>): void {
    const all = new Map<string, Variant>([
      ["Job", new Variant("(uo)", [0, "/"])],
      ...Object.entries(properties),
      ["Conditions", new Variant("a(sbbsi)", [])],
    ]);
    const signal = { path: unitPath(unit), interface: PROPERTIES, member: "PropertiesChanged" };
    const body: Value[] = [`${SYSTEMD}.${of}`, all, []];
    this.send({ type: "signal", ...signal, signature: "sa{sv}as", body });
  }

  /** Sends any message, by default from systemd. */
  send(message: Omit<OutgoingMessage, "serial">): void {
    this.#serial += 1;
    const sender = this.#hasBus ? ":1.1" : SYSTEMD;
    this.#options.say(encodeMessage({ sender, ...message, serial: this.#serial }));
  }

  get #hasBus(): boolean {
    return this.#options.hasBus ?? true;
  }

  #authenticate(line: string): void {
    const ok = "OK 0123456789abcdef0123456789abcdef\r\n";
    if (line.startsWith("\0AUTH")) this.#say(this.greeting ?? "DATA\r\n");
    else if (line === "DATA") this.#say(ok);
  }

  #say(text: string): void {
    this.#options.say(Buffer.from(text, "latin1"));
  }

  #frames(bytes: Buffer): void {
    this.#framer.push(bytes, (frame) => {
      const message = decodeMessage(frame);
      if (message?.type === "method_call") this.#answer(message);
    });
  }

  #answer(call: Message): void {
    const question = questionOf(call);
    this.questions.push(question);
    this.destinations.add(call.destination);
    this.#options.asked?.(question);
    // A bridge answers this by itself.
    const isOfBridge = call.member === "Ping";
    const isHung = !isOfBridge && (call.destination !== BUS || this.isBusHung);
    if (this.#hung !== undefined && isHung) this.#hung.push(() => this.#reply(call, question));
    else this.#reply(call, question);
  }

  #reply(call: Message, question: string): void {
    const has = (words: string): boolean => question === words || question.startsWith(`${words} `);
    if ([...this.silent].some(has)) return;
    const reply = { replySerial: call.serial } as const;
    for (const [words, errorName] of this.errors) {
      if (!has(words)) continue;
      this.send({ type: "error", ...reply, errorName, signature: "s", body: ["no"] });
      return;
    }
    if (call.member === "GetUnit" && this.#unitOf(call) === undefined) {
      const errorName = `${SYSTEMD}.NoSuchUnit`;
      this.send({ type: "error", ...reply, errorName, signature: "s", body: ["not loaded"] });
      return;
    }
    const answer = { type: "method_return", ...reply, ...this.#contents(call) } as const;
    if ([...this.held].some(has)) this.#heldAnswers.push(answer);
    else this.send(answer);
  }

  #contents(call: Message): { readonly signature: string; readonly body: Value[] } {
    switch (call.member) {
      case "Hello":
        return { signature: "s", body: [":1.42"] };
      case "GetNameOwner":
        return { signature: "s", body: [":1.1"] };
      case "ListUnits":
        return { signature: ROWS, body: [this.#rows(() => true)] };
      case "ListUnitsByPatterns": {
        const [, patterns] = call.body() as [unknown, string[]];
        const isWanted = (name: string): boolean =>
          patterns.some((pattern) => globMatches(pattern, name));
        return { signature: ROWS, body: [this.#rows(isWanted)] };
      }
      case "GetUnit":
        return { signature: "o", body: [unitPath(this.#unitOf(call) ?? "")] };
      case "GetAll":
        return { signature: "a{sv}", body: [this.#properties(call)] };
      case "Get":
        return { signature: "v", body: [this.#property(call)] };
      default:
        return { signature: "", body: [] };
    }
  }

  /** Returns the Id of the loaded unit that a call of GetUnit names. */
  #unitOf(call: Message): string | undefined {
    const [name] = call.body() as [string];
    const id = this.aliases.get(name) ?? name;
    return this.units.has(id) ? id : undefined;
  }

  #property(call: Message): Variant {
    const [, property] = call.body() as [string, string];
    if (property === "Version") return new Variant("s", this.version);
    if (property === "LogLevel") return new Variant("s", this.logLevel);
    if (property === "LogTarget") return new Variant("s", this.logTarget);
    if (property === "SystemState") return new Variant("s", this.systemState);
    if (property === "UserspaceTimestamp") return new Variant("t", this.userspaceUs);
    if (property === "SoftRebootsCount") {
      return new Variant(typeof this.softReboots === "number" ? "u" : "s", this.softReboots);
    }
    const unit = [...this.units].find(([name]) => unitPath(name) === call.path)?.[1];
    if (property === "OOMKills") return new Variant("t", unit?.oomKills ?? 2n ** 64n - 1n);
    const known = this.#properties(call).get(property);
    if (property === "FreezerState") return known ?? new Variant("s", "running");
    return known ?? new Variant("t", 0n);
  }

  /** Properties of the unit that is called. */
  #properties({ path }: Message): Map<string, Variant> {
    const unit = [...this.units].find(([name]) => unitPath(name) === path)?.[1];
    if (unit === undefined) return new Map();
    return new Map<string, Variant>([
      ["ActiveState", new Variant("s", unit.activeState)],
      ["SubState", new Variant("s", unit.subState)],
      ["ActiveEnterTimestamp", new Variant("t", unit.activeEnterUs ?? 0n)],
      ["StateChangeTimestamp", new Variant("t", unit.stateChangeUs ?? 0n)],
      ["FreezerState", new Variant("s", unit.freezerState ?? "running")],
      ["Conditions", new Variant("a(sbbsi)", [])],
      ...Object.entries(unit.properties ?? {}),
    ]);
  }

  #rows(isWanted: (name: string) => boolean): Value[] {
    return [...this.units]
      .filter(([name]) => isWanted(name))
      .map(([name, { activeState, subState, loadState = "loaded" }]) => {
        const path = name === "" ? "/" : unitPath(name);
        return [name, `About ${name}`, loadState, activeState, subState, "", path, 0, "", "/"];
      });
  }
}

/** Returns the call's member, and the strings that it passes; of a property its object too. */
function questionOf(call: Message): string {
  if (call.member === "Get") {
    const [, property] = call.body() as [string, string];
    return `Get ${property}${call.path === MANAGER.path ? "" : ` ${call.path}`}`;
  }
  if (call.member === "GetAll") return `GetAll ${call.path}`;
  const texts = call
    .body()
    .flat()
    .filter((value) => typeof value === "string");
  return [call.member, ...texts].join(" ");
}
