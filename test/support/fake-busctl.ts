import type { CommandOutput, ContainerRuntime } from "../../src/domain/runtime.ts";
import { InteractiveFakeProcess } from "./interactive-fake-process.ts";

type Answer = Partial<CommandOutput> | Error | Promise<Partial<CommandOutput>>;

/** `busctl monitor` behind its shell. It ends, as that does, when its input ends, unless told not to. */
export class FakeMonitor extends InteractiveFakeProcess {
  /** While true, it ends neither by the end of its input nor by a kill. */
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

  /** It ends, and so does its output. */
  end(exit: unknown = { exitCode: 0, signal: undefined, stderr: "" }): void {
    this.stdout.end();
    this.exit(exit);
  }
}

/** A container in which busctl can be run. */
export class FakeBusctl implements Pick<ContainerRuntime, "exec" | "run"> {
  /** What happened, in order; whoever takes part can write to it too. */
  readonly history: string[] = [];
  readonly commands: (readonly string[])[] = [];
  readonly monitors: FakeMonitor[] = [];
  /** Fails every exec while it is set. */
  fault: Error | undefined;
  /** Answers of ListUnits, of journalctl, of Version and SystemState, and of `systemctl show`. */
  units: Answer = { stdout: '{"type":"a(ssssssouso)","data":[[]]}\n' };
  journal: Answer = { stdout: "end 0\n" };
  /** Answer of `systemctl show`; undefined answers as for the facts. */
  startTimes: Answer | undefined = undefined;
  /** While set, a listing is answered when it resolves, with what was there when it was asked. */
  listingHold: Promise<void> | undefined = undefined;
  facts: Answer = { stdout: '{"type":"s","data":"252"}\n{"type":"s","data":"running"}\n' };

  /** The latest one. */
  get monitor(): FakeMonitor {
    const monitor = this.monitors.at(-1);
    if (monitor === undefined) throw new Error("there is no monitor yet");
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
    const what = command.includes("journalctl") ? "journalctl" : (command.at(-1) ?? "");
    this.history.push(what);
    const answer = this.#answerTo(what, command);
    if (what === "ListUnits") await this.listingHold;
    if (answer instanceof Error) throw answer;
    const output = await answer;
    signal.throwIfAborted();
    return { stdout: "", exitCode: 0, stderr: "", ...output };
  }

  #answerTo(what: string, command: readonly string[]): Answer {
    if (what === "ListUnits") return this.units;
    if (what === "journalctl") return this.journal;
    return (command[0] === "systemctl" ? this.startTimes : undefined) ?? this.facts;
  }
}
