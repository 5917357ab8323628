import type { CommandOutput, ContainerRuntime } from "../../src/domain/runtime.ts";
import { InteractiveFakeProcess } from "./interactive-fake-process.ts";

type Reply = Partial<CommandOutput> | Error | Promise<Partial<CommandOutput>>;

/** `busctl monitor` behind its shell. It ends when its input ends, unless it is stuck. */
export class FakeMonitor extends InteractiveFakeProcess {
  /** While true, it ends neither when its input ends nor when it is killed. */
  isStuck = false;

  constructor(note: (what: string) => void) {
    super();
    this.stdin.onEnd = () => {
      note("stdin end");
      if (!this.isStuck) this.end();
    };
    this.onKill = () => {
      note("kill");
      this.end({ exitCode: undefined, signal: "SIGKILL", stderr: "" });
    };
  }

  readonly onKill: () => void;

  override kill(): void {
    super.kill();
    this.onKill();
  }

  /** Ends it and its output. */
  end(exit: unknown = { exitCode: 0, signal: undefined, stderr: "" }): void {
    this.stdout.end();
    this.exit(exit);
  }
}

/** Container in which busctl can run. */
export class FakeBusctl implements Pick<ContainerRuntime, "exec" | "run"> {
  /** Events in order; tests can append to it. */
  readonly history: string[] = [];
  readonly commands: (readonly string[])[] = [];
  readonly monitors: FakeMonitor[] = [];
  /** While set, every exec fails with it. */
  fault: Error | undefined;
  /** Replies of ListUnits, of journalctl, and of Version and SystemState. */
  units: Reply = { stdout: '{"type":"a(ssssssouso)","data":[[]]}\n' };
  journal: Reply = { stdout: "end 0\n" };
  /** Reply of `systemctl show`; undefined: the same as `facts`. */
  startTimes: Reply | undefined = undefined;
  /** Replies of GetUnit, by name; without one the unit isn't loaded. */
  readonly ids = new Map<string, Reply>();
  /** While set, a listing replies when it resolves, with the units from before. */
  listingHold: Promise<void> | undefined = undefined;
  /** While set, systemd replies to nothing before it resolves; the bus does. */
  hang: Promise<void> | undefined = undefined;
  facts: Reply = { stdout: '{"type":"s","data":"252"}\n{"type":"s","data":"running"}\n' };

  /** Latest monitor. */
  get monitor(): FakeMonitor {
    const monitor = this.monitors.at(-1);
    if (monitor === undefined) throw new Error("no monitor yet");
    return monitor;
  }

  async exec(_container: string, command: readonly string[]): Promise<FakeMonitor> {
    this.commands.push(command);
    if (this.fault !== undefined) throw this.fault;
    const monitor = new FakeMonitor((what) => this.history.push(what));
    this.monitors.push(monitor);
    return monitor;
  }

  async run(
    _container: string,
    command: readonly string[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<CommandOutput> {
    this.commands.push(command);
    const last = command.at(-1) ?? "";
    const named = command.includes("GetUnit") ? `GetUnit ${last}` : last;
    const isJournal = command.some((argument) => argument.includes("journalctl"));
    const what = isJournal ? "journalctl" : named;
    this.history.push(what);
    const reply = this.#replyTo(what, command);
    if (what === "ListUnits") await this.listingHold;
    if (what !== "GetId") await this.hang;
    if (reply instanceof Error) throw reply;
    const output = await reply;
    signal.throwIfAborted();
    return { stdout: "", exitCode: 0, stderr: "", ...output };
  }

  #replyTo(what: string, command: readonly string[]): Reply {
    if (what === "ListUnits") return this.units;
    if (what === "journalctl") return this.journal;
    if (command.includes("GetUnit")) {
      const name = command.at(-1) ?? "";
      const stderr = `Call failed: Unit ${name} not loaded.\n`;
      return this.ids.get(name) ?? { exitCode: 1, stderr };
    }
    return (command.includes("systemctl") ? this.startTimes : undefined) ?? this.facts;
  }
}
