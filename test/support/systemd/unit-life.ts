import type {
  JournalEntry,
  ServiceEvidence,
  ServiceSignal,
  UnitSignal,
} from "../../../src/domain/systemd.ts";
import type { ActiveState, UnitRow } from "../../../src/domain/unit.ts";
import type { Random } from "../../systemd/dbus/support/mutate.ts";

/** Something that systemd reports of a unit, at a time: a line in the journal, or its signals. */
export interface LifeStep {
  readonly atNs: bigint;
  readonly entry?: JournalEntry;
  readonly signals?: { readonly service: ServiceSignal; readonly unit: UnitSignal };
  /** How ListUnits shows it from then on. */
  readonly row: UnitRow;
  /** Its properties from then on. */
  readonly evidence: ServiceEvidence;
}

/** Kind of service: by Restart= and RestartMode=. */
export type LifeKind = "no restart" | "restart" | "direct restart";

const US = 1_000n;
const MS = 1_000_000n;

/** A made-up service that behaves as systemd's services do, and reports what systemd reports. */
export class UnitLife {
  readonly steps: LifeStep[] = [];
  readonly #name: string;
  readonly #kind: LifeKind;
  readonly #random: Random;
  readonly #crashesAlone: boolean;
  readonly #repeatsRestarts: boolean;
  /** RestartSec=. */
  readonly #delayMs: number;
  /** True while the job of a restart is queued. */
  #hasJob = false;
  #mainStartNs = 0n;
  #mainExitNs = 0n;
  #inactiveExitNs = 0n;
  #nowNs: bigint;
  #activeState: ActiveState = "inactive";
  #subState = "dead";
  #stateChangeNs = 0n;
  #activeEnterNs = 0n;
  #result = "success";
  #restarts = 0;
  #runs = 0;
  #invocationId = "";

  constructor(
    name: string,
    options: {
      readonly kind: LifeKind;
      readonly random: Random;
      readonly startNs: bigint;
      /** True if it only crashes, until it is stopped or hits its start limit. */
      readonly crashesAlone?: boolean;
      /**
       * True if systemd numbers a restart again when it is reloaded before the restart is done: up to v252,
       * which has no RestartMode=direct.
       */
      readonly repeatsRestarts?: boolean;
    },
  ) {
    this.#name = name;
    this.#kind = options.kind;
    this.#random = options.random;
    this.#nowNs = options.startNs;
    this.#delayMs = 100 + this.#random.below(300);
    this.#crashesAlone = options.crashesAlone ?? false;
    this.#repeatsRestarts = options.repeatsRestarts ?? false;
    this.#say({});
  }

  /** Longest run, and longest time from one number of a restart to the next. */
  get #shortMs(): number {
    return Math.floor(this.#delayMs * 0.05);
  }

  get nowNs(): bigint {
    return this.#nowNs;
  }

  /** Nothing happens to it until then. */
  rest(untilNs: bigint): void {
    if (this.#nowNs < untilNs) this.#nowNs = untilNs;
  }

  /** One more thing happens to it, such as can happen in its state. */
  goOn(): void {
    this.#pass(1, this.#repeatsRestarts ? this.#shortMs : 900);
    if (this.#crashesAlone) {
      if (this.#activeState === "active") this.#end(this.#random.pick(["exit-code", "signal"]));
      else if (this.#runs === 0) this.#startByHand();
      return;
    }
    const dice = this.#random.below(10);
    if (dice === 0) this.#signal();
    else if (this.#activeState === "active") this.#whileActive(dice);
    else if (this.#activeState === "failed" && dice < 3) this.#resetFailed();
    else if (this.#activeState === "failed" && dice < 5) this.#fail(this.#result);
    else this.#startByHand();
  }

  #whileActive(dice: number): void {
    if (dice < 2) this.#stop();
    else if (dice < 3) this.#restartByHand();
    else this.#end(dice < 4 ? "success" : this.#random.pick(["exit-code", "signal"]));
  }

  #startByHand(): void {
    this.#restarts = 0;
    this.#start();
  }

  #start(): void {
    this.#runs += 1;
    const id = Buffer.from(`${this.#name} ${this.#runs}`).toString("hex");
    this.#invocationId = id.padStart(32, "0").slice(-32);
    this.#result = "success";
    this.#hasJob = false;
    this.#mainStartNs = this.#nowNs;
    this.#mainExitNs = 0n;
    // systemd names the run while it is still in the state before: after a wait inactive, up to v252.
    this.#signal({ isPassing: true });
    if (this.#random.below(4) === 0) this.#pass(0, this.#repeatsRestarts ? 1 : 30);
    this.#enter("active", "running");
  }

  #stop(): void {
    this.#enter("deactivating", "stop-sigterm");
    this.#pass(1, 50);
    this.#enter("inactive", "dead");
  }

  #restartByHand(): void {
    this.#stop();
    this.#startByHand();
  }

  #resetFailed(): void {
    this.#result = "success";
    this.#restarts = 0;
    this.#enter("inactive", "dead");
  }

  /** Its process ends; by its kind it restarts, or hits a start limit. */
  #end(result: string): void {
    this.#result = result;
    this.#mainExitNs = this.#nowNs;
    const isDirect = this.#kind === "direct restart";
    if (result !== "success") this.#fail(result, isDirect);
    else if (!isDirect) this.#enter("inactive", "dead");
    if (this.#kind === "no restart") return;
    this.#enter("activating", "auto-restart");
    if (this.#random.below(10) === 0) {
      this.#pass(1, this.#delayMs - 5);
      this.#enter("inactive", "dead");
      return;
    }
    this.#pass(this.#delayMs, this.#delayMs + 10);
    this.#scheduleRestart();
    const isLimit = this.#random.below(6) === 0;
    if (isDirect) {
      this.#signal();
      this.#enter("activating", "auto-restart-queued");
    } else {
      // v252 reports the number twice while it still waits.
      this.#pass(0, 1);
      this.#signal();
      this.#signal();
      while (this.#repeatsRestarts && this.#random.below(4) === 0) {
        this.#pass(1, this.#shortMs);
        this.#scheduleRestart();
        this.#signal();
      }
      if (this.#repeatsRestarts && this.#random.below(20) === 0) {
        this.#hasJob = false;
        this.#enter("inactive", "dead");
        return;
      }
      if (!isLimit) this.#result = "success";
      this.#enter("inactive", "dead");
    }
    this.#pass(0, 5);
    if (isLimit) this.#fail(result === "success" ? "start-limit-hit" : result);
    else this.#start();
  }

  #scheduleRestart(): void {
    this.#restarts += 1;
    this.#hasJob = true;
    this.#write({ kind: "restart", result: undefined, restarts: this.#restarts });
  }

  #fail(result: string, inPassing = false): void {
    this.#result = result;
    this.#write({ kind: "failure", result, restarts: undefined });
    this.#hasJob = false;
    if (!inPassing) this.#enter("failed", "failed");
  }

  #enter(activeState: ActiveState, subState: string): void {
    this.#nowNs += BigInt(20 + this.#random.below(80)) * US;
    if (isInactive(this.#activeState) && !isInactive(activeState))
      this.#inactiveExitNs = this.#nowNs;
    this.#activeState = activeState;
    this.#subState = subState;
    this.#stateChangeNs = this.#nowNs;
    if (activeState === "active") this.#activeEnterNs = this.#nowNs;
    this.#say({});
    this.#nowNs += BigInt(20 + this.#random.below(400)) * US;
    this.#signal();
  }

  /** Its signals, with what is so: of what hasn't changed as well. */
  #signal({ isPassing = false } = {}): void {
    const { service, unit } = this.#properties();
    this.#say({ signals: { service, unit }, isPassing });
  }

  #properties(): { readonly service: ServiceSignal; readonly unit: UnitSignal } {
    const of = { unit: this.#name, timeNs: this.#nowNs };
    const service = {
      kind: "service" as const,
      ...of,
      result: this.#result,
      restarts: this.#restarts,
      exitStatus: this.#result === "success" ? 0 : 3,
    };
    const unit = {
      kind: "unit" as const,
      ...of,
      activeState: this.#activeState,
      subState: this.#subState,
      stateChangeNs: this.#stateChangeNs,
      activeEnterNs: this.#activeEnterNs,
      invocationId: this.#invocationId,
    };
    return { service, unit };
  }

  #write(entry: Pick<JournalEntry, "kind" | "result" | "restarts">): void {
    const of = { unit: this.#name, invocationId: this.#invocationId, timeNs: this.#nowNs };
    this.#say({ entry: { ...entry, ...of } });
  }

  /** Nothing that is passing is seen by a call: it changes before systemd answers the next one. */
  #say({
    isPassing = false,
    ...what
  }: Pick<LifeStep, "entry" | "signals"> & { readonly isPassing?: boolean }): void {
    const row = { name: this.#name, activeState: this.#activeState, subState: this.#subState };
    const { service, unit } = this.#properties();
    const evidence = {
      ...service,
      ...unit,
      kind: "evidence" as const,
      isAfterSignals: false,
      policy: this.#crashesAlone ? "on-failure" : "always",
      hasJob: this.#hasJob,
      mainStartNs: this.#mainStartNs,
      mainExitNs: this.#mainExitNs,
      inactiveExitNs: this.#inactiveExitNs,
      restartDelayNs: BigInt(this.#delayMs) * MS,
      isUnlogged: false,
    };
    const seen = isPassing ? (this.steps.at(-1)?.evidence ?? evidence) : evidence;
    this.steps.push({ atNs: this.#nowNs, row, evidence: seen, ...what });
    this.#nowNs += US;
  }

  #pass(leastMs: number, mostMs: number): void {
    const spanUs = (mostMs - leastMs) * 1_000;
    this.#nowNs += BigInt(leastMs) * MS + BigInt(this.#random.below(spanUs)) * US;
  }
}

function isInactive(activeState: ActiveState): boolean {
  return activeState === "inactive" || activeState === "failed";
}
