import type {
  JournalEntry,
  ManagerFacts,
  ServiceEvidence,
  ServiceSignal,
  RecoveredMessage,
  SystemdMessage,
  SystemdReply,
  UnitIds,
  UnitSignal,
} from "../../../src/domain/systemd.ts";
import type { FrozenState, UnitRow } from "../../../src/domain/unit.ts";

/** Records the messages of a systemd source. */
export class RecordedSink {
  /** One line a message, in order. */
  readonly history: string[];
  readonly evidence: ServiceEvidence[] = [];
  readonly units: UnitSignal[] = [];
  readonly services: ServiceSignal[] = [];
  readonly facts: ManagerFacts[] = [];
  readonly entries: (readonly JournalEntry[] | undefined)[] = [];
  /** Latest state of each unit that was listed or loaded: `active/running`. */
  readonly rows = new Map<string, string>();
  readonly startTimes = new Map<string, bigint>();
  readonly oomKills = new Map<string, number>();
  readonly frozenStates = new Map<string, FrozenState | undefined>();
  /** Replies to `attached` and `listed`. */
  sinceNs: bigint | undefined = undefined;
  wanted: readonly string[] = [];
  names: readonly string[] = [];
  /** Newest Ids of these names; `-` if no such unit is loaded. */
  ids: Readonly<Record<string, string>> | undefined = undefined;
  /** Services whose OOMKills are requested. */
  suspects: readonly string[] = [];
  /** Unit whose signals are replied to by a request of its row. */
  unsure = "";
  /** Unit whose signals are replied to by a request of the manager's state. */
  cancelled = "";
  toCompare: ReadonlyMap<string, bigint> = new Map();
  /** Services whose evidence is requested once signals have passed. */
  toCompareAfter: ReadonlyMap<string, bigint> = new Map();
  uncounted: readonly string[] = [];
  /** Services whose NRestarts and Restart= are requested at a signal. */
  started: readonly string[] = [];

  /** @param history to write to, where others write too */
  constructor(history: string[] = []) {
    this.history = history;
  }

  readonly take = (message: SystemdMessage): SystemdReply | undefined => {
    this.history.push(lineOf(message));
    switch (message.kind) {
      case "attached":
        return {
          journalSinceNs: this.sinceNs,
          evidenceOf: this.toCompare,
          ...(this.names.length === 0 ? {} : { unitNames: this.names }),
        };
      case "evidence":
        this.evidence.push(message);
        return undefined;
      case "recovered":
        this.entries.push(message.entries);
        return { evidenceOf: this.toCompareAfter };
      case "listed":
        this.#keep(message.rows);
        this.#keepIds(message.ids);
        return {
          startTimesOf: this.wanted,
          oomKillsOf: this.suspects,
          restartCountsOf: this.uncounted,
        };
      case "start-time":
        this.startTimes.set(message.unit, message.timeNs);
        return undefined;
      case "frozen":
        this.frozenStates.set(message.unit, message.frozenState);
        return undefined;
      case "oom-kills":
        this.oomKills.set(message.unit, message.count);
        return undefined;
      case "loaded":
        this.#keep(message.rows);
        this.#keepIds(message.ids);
        return undefined;
      case "unit":
        this.units.push({ ...message });
        if (message.unit === this.cancelled) return { managerState: true };
        if (this.suspects.includes(message.unit)) return { oomKillsOf: [message.unit] };
        if (this.started.includes(message.unit)) return { restartCountsOf: [message.unit] };
        return message.unit === this.unsure ? { rowOf: message.unit } : undefined;
      case "service":
        this.services.push({ ...message });
        return undefined;
      case "manager":
        this.facts.push(message);
        return undefined;
      case "removed":
      case "moved":
      case "silence":
      case "restart-count":
      case "parse-error":
        return undefined;
      default:
        return message satisfies never;
    }
  };

  #keepIds(ids: UnitIds | undefined): void {
    this.ids = ids && Object.fromEntries([...ids].map(([name, id = "-"]) => [name, id]));
  }

  #keep(rows: readonly UnitRow[]): void {
    for (const { name, activeState, subState } of rows) {
      this.rows.set(name, `${activeState}/${subState}`);
    }
  }
}

function lineOf(message: SystemdMessage): string {
  switch (message.kind) {
    case "attached":
      return `attached ${message.transport}`;
    case "evidence":
      return (
        `evidence ${message.unit} ${message.result} ${message.restarts}` +
        (message.isAfterSignals ? " after signals" : "")
      );
    case "restart-count": {
      const { unit, restarts, policy, restartDelayNs } = message;
      return `restart count ${unit} ${restarts} ${policy} ${restartDelayNs / 1_000_000n}`;
    }
    case "recovered":
      return [`recovered ${message.entries?.length ?? "nothing"}`, ...settingsOf(message)].join(
        ", ",
      );
    case "listed":
      return `listed ${message.rows.length}`;
    case "start-time":
      return `start time ${message.unit}`;
    case "frozen":
      return `frozen ${message.unit} ${message.frozenState}`;
    case "oom-kills":
      return `oom kills ${message.unit} ${message.count}`;
    case "loaded":
      return `loaded ${message.rows.length}`;
    case "unit":
      return `unit ${message.unit} ${message.activeState}/${message.subState}`;
    case "service":
      return `service ${message.unit} ${message.result} ${message.restarts}`;
    case "removed":
      return `removed ${message.unit}`;
    case "manager":
      return `manager ${message.version} ${message.systemState}`;
    case "moved":
      return `moved ${message.transport}`;
    case "silence":
      return message.isActive ? "silent" : "not silent";
    case "parse-error":
      return "parse error";
    default:
      return message satisfies never;
  }
}

function settingsOf({ settings = new Map() }: RecoveredMessage): string[] {
  return [...settings].map(
    ([unit, { policy, restartDelayNs }]) => `${unit} ${policy} ${restartDelayNs / 1_000_000n}`,
  );
}
