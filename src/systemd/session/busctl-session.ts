import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import type { TakeMessage } from "../../domain/systemd.ts";
import { parseListUnits, parseStartTimes, parseStrings } from "../format/busctl-list.ts";
import { parseBusctlSignal } from "../format/busctl-line.ts";
import { type ManagerSignal, parseManagerSignal } from "./busctl-manager.ts";
import type { JournalRecovery } from "./journal-recovery.ts";
import { managerFacts } from "../format/manager-facts.ts";
import { TYPE_INTERFACES, UNIT_INTERFACE } from "../format/systemd-objects.ts";
import { isTimeAt, serviceSignalOf, unitSignalOf } from "../format/unit-signals.ts";

const MANAGER = [
  "org.freedesktop.systemd1",
  "/org/freedesktop/systemd1",
  "org.freedesktop.systemd1.Manager",
] as const;
const LIST_UNITS = ["busctl", "--json=short", "call", ...MANAGER, "ListUnits"];
const GET_FACTS = ["busctl", "--json=short", "get-property", ...MANAGER, "Version", "SystemState"];
const SHOW_START_TIMES = [
  "systemctl",
  "show",
  "--timestamp=us+utc",
  "--property=Id,ActiveEnterTimestamp",
  "--",
];

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_WHY_CHARS = 300;
/** Units that are asked for in one command. */
const MAX_ASKED_UNITS = 200;
/** From one listing to the next, where new units are the reason: each is a command in the container. */
const RELIST_MS = 1_000;

export interface BusctlSessionOptions {
  readonly runtime: Pick<ContainerRuntime, "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  readonly journal: JournalRecovery;
  readonly signal: AbortSignal;
  /** Something beside the stream failed: the stream is to be ended. */
  readonly failed: (error: unknown) => void;
}

/** What one `busctl monitor` tells, and what has to be asked beside it. */
export class BusctlSession {
  readonly #take: TakeMessage;
  readonly #options: BusctlSessionOptions;
  #attaches = 0;
  #reloading = false;
  #isListing = false;
  /** Something was loaded since the last listing began. */
  #isListDue = false;
  /** False while the attach's own listing, which may follow the journal alone, is still to come. */
  #isListed = false;
  #isRelisting = false;
  /** Units that went while a listing was on its way, which may have them still. */
  readonly #removed = new Set<string>();

  constructor(take: TakeMessage, options: BusctlSessionOptions) {
    this.#take = take;
    this.#options = options;
  }

  /** There may be a gap up to now; from now on nothing is missed, so that the rest can be asked. */
  async attach(): Promise<void> {
    const { clock, journal, signal } = this.#options;
    this.#attaches += 1;
    const attach = this.#attaches;
    this.#reloading = false;
    this.#isListed = false;
    const reply = this.#take({ kind: "attached", transport: "busctl", atNs: clock.nowNs() });
    const entries = await journal.missed(reply?.journalSinceNs, signal);
    this.#take({ kind: "recovered", entries });
    if (attach !== this.#attaches) return;
    await this.#list();
    if (attach !== this.#attaches) return;
    this.#isListed = true;
    if (this.#isListDue) this.#relist();
    await this.#askManager();
  }

  /** Asks systemd for a trifle, which a monitor that has begun to listen shows. */
  async poke(): Promise<void> {
    await this.#run(GET_FACTS);
  }

  /** Takes a line of the stream that is JSON. */
  line(line: string): void {
    const managerSignal = parseManagerSignal(line);
    if (managerSignal !== undefined) {
      this.#manager(managerSignal);
      return;
    }
    const signal = parseBusctlSignal(line);
    // What busctl gives as the time at which it saw it can be no other than now.
    if (signal === "malformed" || (signal !== undefined && !this.#canBe(signal.timeNs))) {
      this.#take({ kind: "parse-error" });
    } else if (signal?.interfaceName === UNIT_INTERFACE) {
      const unit = unitSignalOf(signal);
      if (unit !== undefined) this.#take(unit);
    } else if (signal !== undefined && TYPE_INTERFACES.has(signal.interfaceName)) {
      const service = serviceSignalOf(signal);
      if (service !== undefined) this.#take(service);
    }
  }

  #manager(signal: ManagerSignal): void {
    switch (signal.member) {
      case "UnitNew":
        if (!this.#reloading) this.#relist();
        return;
      case "UnitRemoved":
        if (this.#reloading || !this.#canBe(signal.timeNs)) return;
        if (this.#isListing) this.#removed.add(signal.unit);
        this.#take({ kind: "removed", unit: signal.unit, timeNs: signal.timeNs });
        return;
      case "Reloading":
        this.#reloading = signal.isActive;
        if (!this.#reloading) this.#relist();
        return;
      case "StartupFinished":
        this.#askManager().catch(this.#options.failed);
        return;
      case "NameOwnerChanged":
        // systemd runs itself anew, and what it said before it had its name is lost.
        if (signal.isOwned) this.attach().catch(this.#options.failed);
        return;
      default:
        signal satisfies never;
    }
  }

  #canBe(timeNs: bigint): boolean {
    return isTimeAt(timeNs, this.#options.clock.nowNs());
  }

  #relist(): void {
    this.#isListDue = true;
    if (!this.#isListed || this.#isRelisting) return;
    this.#isRelisting = true;
    const again = async (): Promise<void> => {
      while (this.#isListDue && this.#isListed) {
        await this.#list();
        await this.#options.clock.sleep(RELIST_MS, this.#options.signal);
      }
      this.#isRelisting = false;
    };
    again().catch(this.#options.failed);
  }

  async #list(): Promise<void> {
    this.#isListDue = false;
    this.#isListing = true;
    this.#removed.clear();
    const attach = this.#attaches;
    const atNs = this.#options.clock.nowNs();
    const output = await this.#run(LIST_UNITS).catch((error: unknown) => {
      throw new Error(`busctl call ListUnits failed: ${asError(error).message}`, { cause: error });
    });
    // The gap that began meanwhile is for the journal to close, and then for another listing.
    if (attach !== this.#attaches) return;
    const rows = output.exitCode === 0 ? parseListUnits(output.stdout) : undefined;
    this.#isListing = false;
    if (rows === undefined) {
      const why = output.stderr.trim() || output.stdout.slice(0, MAX_WHY_CHARS);
      throw new Error(`busctl call ListUnits failed: ${why}`);
    }
    const reply = this.#take({
      kind: "listed",
      rows: rows.filter(({ name }) => !this.#removed.has(name)),
      asOfNs: atNs,
    });
    await this.#askStartTimes(reply?.startTimesOf ?? []);
  }

  /** Times that can't be had, as from a systemctl that is too old, stay unknown. */
  async #askStartTimes(units: readonly string[]): Promise<void> {
    for (let at = 0; at < units.length; at += MAX_ASKED_UNITS) {
      const some = units.slice(at, at + MAX_ASKED_UNITS);
      const { stdout } = await this.#run([...SHOW_START_TIMES, ...some]);
      for (const [unit, timeNs] of parseStartTimes(stdout)) {
        if (this.#canBe(timeNs)) this.#take({ kind: "start-time", unit, timeNs });
      }
    }
  }

  async #askManager(): Promise<void> {
    const { stdout } = await this.#run(GET_FACTS);
    const [version, systemState] = parseStrings(stdout);
    this.#take(managerFacts(version, systemState, this.#options.clock.nowNs()));
  }

  #run(command: readonly string[]): ReturnType<BusctlSessionOptions["runtime"]["run"]> {
    const { runtime, container, signal } = this.#options;
    return runtime.run(container, command, { maxBytes: MAX_OUTPUT_BYTES, signal });
  }
}
