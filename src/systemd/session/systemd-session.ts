/*
 * systemd/session: the conversation with one systemd, the same over every transport.
 *
 * A session attaches, closes the gap from the journal and from what systemd has of its services,
 * lists the units, and then passes on what systemd sends. transport.ts is the port that it needs; systemd/transport implements it over a bus,
 * over systemd's private socket and over busctl. journal-recovery.ts reads what was missed.
 *
 * Always true: each `attached` is followed by one `recovered`, and only then by `listed`. A signal
 * is passed on as it arrives. A call that fails ends the stream; the watch then opens another, and
 * everything is read again. A systemd that doesn't answer ends no stream that was open.
 *
 * May import: domain/, platform/, systemd/format/.
 */
import type { Clock } from "../../domain/clock.ts";
import type {
  JournalEntry,
  SilenceMessage,
  SystemdReply,
  SystemdRunOptions,
  TakeMessage,
} from "../../domain/systemd.ts";
import { asError } from "../../platform/data/as-error.ts";
import { atMost } from "../../platform/time/at-most.ts";
import { every } from "../../platform/time/every.ts";
import { managerMessage } from "../format/manager.ts";
import { isTimeAt } from "../format/timestamps.ts";
import type { JournalRecovery } from "./journal-recovery.ts";
import { restartSettings } from "./restart-settings.ts";
import type { Transport, TransportMessage } from "./transport.ts";
import { UnitQueries } from "./unit-queries.ts";

/** Period of the listings that have no reason: they find whatever was missed. */
const RESYNC_MS = 10 * 60_000;
/** Pause after a listing that started a process in the container. */
const RELIST_MS = 1_000;
/** Attaches under way: each re-execution of systemd adds one, and a container can fake any number. */
const MAX_ATTACHING = 8;
/** Time that attaches have to read the journal after a fault, or after the end of an attached stream. */
const LAST_ATTACH_MS = 2_000;
/** Units of the types that systemd can freeze. */
const FREEZABLE = /\.(?:scope|service|slice)$/;

/** systemd doesn't answer a new stream. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";

  constructor() {
    super("systemd doesn't answer");
  }
}

export interface SystemdSessionOptions extends SystemdRunOptions {
  readonly take: TakeMessage;
  readonly journal: JournalRecovery;
  readonly clock: Clock;
}

export class SystemdSession {
  readonly #transport: Transport;
  readonly #take: TakeMessage;
  readonly #journal: JournalRecovery;
  readonly #clock: Clock;
  /** Called after the first listing. */
  #opened: SystemdRunOptions["opened"];
  readonly #end = new AbortController();
  /** Aborts when the transport's stream ends; attaches under way have a moment more. */
  readonly #streamEnd = new AbortController();
  readonly #signal: AbortSignal;
  #fault: Error | undefined;
  /** Number of attaches: each supersedes those before. */
  #attaches = 0;
  /** Attaches under way; none rejects. */
  readonly #attaching = new Set<Promise<unknown>>();
  /** Resolves when each attach so far has passed on what it recovered, or failed. */
  #recovered = Promise.resolve();
  #isReloading = false;
  /** True from the end of the first attach on. */
  #isOpen = false;
  /** False from an attach until its own listing is through. */
  #isListed = false;
  /** True from an attach until its own listing begins. */
  #isUnlisted = true;
  /** True if a reason to list arose since the last listing began. */
  #isListDue = false;
  #isRelisting = false;
  /** For each pending listing, the units removed since it began: its rows may still hold them. */
  readonly #removals = new Set<Set<string>>();
  readonly #queries: UnitQueries;
  #isRenewing = false;
  #isRenewalDue = false;
  /** Names whose units are requested. */
  #names: readonly string[] = [];

  constructor(transport: Transport, options: SystemdSessionOptions) {
    const { take, journal, clock, signal, opened } = options;
    this.#transport = transport;
    this.#take = take;
    this.#journal = journal;
    this.#clock = clock;
    this.#opened = opened;
    this.#signal = AbortSignal.any([signal, this.#end.signal]);
    this.#queries = new UnitQueries(transport, {
      take,
      names: () => this.#names,
      relist: () => this.#relist(),
      failed: this.#fail,
    });
  }

  /** Resolves when the transport's stream ends, and closes it; rejects if it ends by a fault. */
  async run(): Promise<void> {
    const transport = this.#transport;
    const resync = (): void => {
      if (this.#isListed) this.#relist();
    };
    using _resync =
      transport.listing === "cheap" ? every(RESYNC_MS, this.#clock, resync) : undefined;
    try {
      const attached = this.#startAttach();
      const end = await transport.closed;
      this.#streamEnd.abort(new Error("the stream ended"));
      // A call that fails from now on fails because the stream has ended.
      const fault = this.#fault;
      const attachFault = fault === undefined ? await attached : undefined;
      // Signals from before the end are applied only after `recovered`.
      await atMost(LAST_ATTACH_MS, this.#clock, Promise.all(this.#attaching));
      const error = fault ?? attachFault ?? end;
      if (error !== undefined) throw error;
    } finally {
      this.#end.abort(new Error("the session ended"));
      transport.close();
    }
  }

  readonly #onMessage = (message: TransportMessage): void => {
    switch (message.kind) {
      case "unit": {
        const reply = this.#take(message);
        if (reply !== undefined) this.#request(reply);
        return;
      }
      case "service":
      case "parse-error":
        this.#take(message);
        return;
      case "silence":
        this.#silence(message);
        return;
      case "unit-new":
        // An answer in the order of the wire has the new unit. After any other, a listing follows.
        if (this.#transport.listing === "cheap") {
          for (const removed of this.#removals) removed.delete(message.unit);
        }
        if (!this.#isReloading) this.#queries.row(message.unit);
        return;
      case "removed":
        // A reload that is under way at the attach removes all units, and loads them again.
        if (this.#isReloading || this.#isUnlisted) return;
        this.#queries.removed(message.unit);
        for (const removed of this.#removals) removed.add(message.unit);
        this.#take(message);
        return;
      case "reloading":
        this.#isReloading = message.isActive;
        if (!message.isActive) this.#relist();
        return;
      case "startup-finished":
        this.#readManager().catch(this.#fail);
        return;
      case "owner-changed":
        // systemd executed itself again. A new name comes after a gap.
        if (message.owner === "new") void this.#startAttach();
        if (message.owner === "passed") this.#renew();
        return;
      default:
        message satisfies never;
    }
  };

  /** A stream that isn't open yet ends: the way may lead to no systemd. An open one waits. */
  #silence(message: SilenceMessage): void {
    if (!this.#isOpen) {
      this.#fail(new SilenceError());
      return;
    }
    this.#take(message);
    if (!message.isActive) this.#relist();
  }

  /** Follows systemd to its next connection, without a gap: what it knew of us it may not know now. */
  #renew(): void {
    this.#isReloading = false;
    this.#isRenewalDue = true;
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    const renew = async (): Promise<void> => {
      while (this.#isRenewalDue) {
        this.#isRenewalDue = false;
        await this.#transport.subscribe(this.#onMessage);
        this.#relist();
        await this.#readManager();
      }
      this.#isRenewing = false;
    };
    renew().catch(this.#fail);
  }

  /** Resolves when the attach is through; to the fault if it failed. */
  #startAttach(): Promise<Error | undefined> {
    if (this.#attaching.size >= MAX_ATTACHING) {
      const what = "systemd executes itself again faster than its journal can be read";
      return Promise.resolve(this.#fail(new Error(what)));
    }
    const attach = this.#attach().then(() => undefined, this.#fail);
    this.#attaching.add(attach);
    void attach.then(() => this.#attaching.delete(attach));
    return attach;
  }

  /** Closes the gap up to now from the journal. From now on nothing is missed. */
  async #attach(): Promise<void> {
    const transport = this.#transport;
    this.#attaches += 1;
    const attach = this.#attaches;
    this.#isReloading = false;
    this.#isListed = false;
    this.#isUnlisted = true;
    const atNs = this.#clock.nowNs();
    const reply = this.#take({ kind: "attached", transport: transport.name, atNs });
    this.#names = reply?.unitNames ?? [];
    const recovered = await this.#recover(reply);
    if (attach !== this.#attaches) return;
    await this.#compare(recovered?.evidenceOf);
    if (attach !== this.#attaches) return;
    await this.#list();
    if (attach !== this.#attaches) return;
    this.#isListed = true;
    this.#isOpen = true;
    const { name, readings } = transport;
    this.#opened?.({ transport: name, readings, relist: () => this.#list() });
    this.#opened = undefined;
    if (this.#isListDue) this.#relist();
    await this.#readManager();
  }

  /** Closes the gap, after those of earlier attaches: the last one lets signals pass that were held back. */
  async #recover(attached: SystemdReply | undefined): Promise<SystemdReply | undefined> {
    const before = this.#recovered;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#recovered = promise;
    try {
      await this.#transport.subscribe(this.#onMessage);
      const entries = await this.#missedSince(attached?.journalSinceNs);
      const { evidenceOf: services = new Map<string, bigint>() } = attached ?? {};
      await this.#readEvidence(services, entries);
      const known = this.#streamEnd.signal.aborted ? undefined : entries;
      const settings = await restartSettings(this.#transport, known, services);
      await before;
      return this.#take({ kind: "recovered", entries, settings });
    } finally {
      resolve();
    }
  }

  /** Returns undefined if the journal is unavailable, or systemd writes no lines about units to it. */
  async #missedSince(sinceNs: bigint | undefined): Promise<readonly JournalEntry[] | undefined> {
    const entries = await this.#journal.missed(sinceNs, {
      signal: this.#signal,
      streamEnd: this.#streamEnd.signal,
    });
    const hasEnded = this.#streamEnd.signal.aborted;
    if (sinceNs === undefined || hasEnded || entries?.length !== 0) return entries;
    return (await this.#transport.logsToJournal?.()) === false ? undefined : entries;
  }

  /**
   * Reads what systemd has of services that the journal is silent about. Beside the journal's lines it
   * could count a change a second time: the two aren't of one moment.
   */
  async #readEvidence(
    services: ReadonlyMap<string, bigint>,
    entries: readonly JournalEntry[] | undefined,
  ): Promise<void> {
    // The journal has more than these services, and the next gap still shows theirs.
    if (entries !== undefined && this.#streamEnd.signal.aborted) return;
    const logged = new Set(entries?.map(({ unit }) => unit));
    const silent = new Map([...services].filter(([unit]) => !logged.has(unit)));
    await this.#transport.evidence?.(silent, (evidence) => {
      if (entries === undefined || evidence.isUnlogged) this.#take(evidence);
    });
  }

  /** Reads what systemd has of these services, now that signals aren't held back. */
  async #compare(services: ReadonlyMap<string, bigint> = new Map()): Promise<void> {
    const attach = this.#attaches;
    await this.#transport.evidence?.(services, (evidence) => {
      if (attach === this.#attaches) this.#take({ ...evidence, isAfterSignals: true });
    });
  }

  async #list(): Promise<void> {
    const attach = this.#attaches;
    const removed = new Set<string>();
    let unknown: readonly string[] = [];
    let services: readonly string[] = [];
    let loaded: ReadonlyMap<string, bigint> | undefined;
    this.#isListDue = false;
    this.#isUnlisted = false;
    this.#removals.add(removed);
    try {
      unknown = await this.#transport.listUnits((all, asOfNs, ids) => {
        // The journal has to close the gap that began meanwhile, and another listing follows.
        if (attach !== this.#attaches) return [];
        const rows = removed.size === 0 ? all : all.filter(({ name }) => !removed.has(name));
        const named = this.#names.length === 0 ? {} : { ids };
        const reply = this.#take({ kind: "listed", rows, asOfNs, ...named });
        this.#queries.oomKills(reply?.oomKillsOf ?? []);
        services = reply?.restartCountsOf ?? [];
        loaded = reply?.evidenceOf;
        return reply?.startTimesOf ?? [];
      }, this.#names);
    } catch (error) {
      if (attach === this.#attaches) throw error;
    } finally {
      this.#removals.delete(removed);
    }
    // Start times are shown, so they are requested first.
    const timed = this.#transport.startTimes(unknown, (unit, timeNs) => {
      if (isTimeAt(timeNs, this.#clock.nowNs())) this.#take({ kind: "start-time", unit, timeNs });
    });
    const compared = this.#compare(loaded);
    const counted = this.#readRestartCounts(services);
    await Promise.all([timed, compared, counted]);
    const freezable = unknown.filter((unit) => FREEZABLE.test(unit));
    await this.#transport.frozenStates(freezable, (unit, frozenState) => {
      this.#take({ kind: "frozen", unit, frozenState });
    });
  }

  /** Lists again, after the pending listing; in an attach, after its own one. */
  #relist(): void {
    this.#isListDue = true;
    if (!this.#isListed || this.#isRelisting) return;
    this.#isRelisting = true;
    const again = async (): Promise<void> => {
      while (this.#isListDue && this.#isListed) {
        await this.#list();
        if (this.#transport.listing === "costly") {
          await this.#clock.sleep(RELIST_MS, this.#signal);
        }
      }
      this.#isRelisting = false;
    };
    again().catch(this.#fail);
  }

  /** Requests what a signal left open. */
  #request(reply: SystemdReply): void {
    const { rowOf, managerState = false, oomKillsOf = [], restartCountsOf = [] } = reply;
    this.#queries.oomKills(oomKillsOf);
    if (restartCountsOf.length > 0) this.#readRestartCounts(restartCountsOf)?.catch(this.#fail);
    if (rowOf !== undefined && !this.#isReloading) this.#queries.row(rowOf);
    if (managerState) this.#readManager().catch(this.#fail);
  }

  #readRestartCounts(services: readonly string[]): Promise<void> | undefined {
    return this.#transport.restartCounts?.(services, (unit, count) => {
      this.#take({ kind: "restart-count", unit, ...count });
    });
  }

  async #readManager(): Promise<void> {
    const properties = await this.#transport.managerState();
    this.#take(managerMessage(properties, this.#clock.nowNs()));
  }

  readonly #fail = (error: unknown): Error => {
    this.#fault ??= asError(error);
    this.#transport.close();
    return this.#fault;
  };
}
