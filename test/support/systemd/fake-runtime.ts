import type {
  CommandOutput,
  ContainerRuntime,
  InteractiveProcess,
  RuntimeExecOptions,
} from "../../../src/domain/runtime.ts";
import { FakeBridge } from "./fake-bridge.ts";

type RunOptions = Parameters<ContainerRuntime["run"]>[2];

/** An answer of journalctl: what it wrote, how it ended. */
export type JournalAnswer = Partial<CommandOutput> | Error | Promise<Partial<CommandOutput>>;

/** An engine with one container that has a bridge and a journal. */
export class FakeRuntime implements Pick<ContainerRuntime, "exec" | "run"> {
  /** All events, in order, of each participant. */
  readonly history: string[] = [];
  readonly bridges: FakeBridge[] = [];
  readonly commands: { readonly command: readonly string[]; readonly user?: string }[] = [];
  /** Prepares a bridge before it receives anything. */
  prepare: (bridge: FakeBridge, call: number) => void = () => {};
  /** Called before every exec; may reject. */
  beforeExec: (signal: AbortSignal) => Promise<void> = async () => {};
  /** The answers of `journalctl --sync`, and of the query for entries. */
  sync: JournalAnswer = {};
  journal: JournalAnswer = {};

  /** The bridge of the latest exec. */
  get bridge(): FakeBridge {
    const bridge = this.bridges.at(-1);
    if (bridge === undefined) throw new Error("there is no bridge yet");
    return bridge;
  }

  async exec(
    _container: string,
    command: readonly string[],
    options: RuntimeExecOptions,
  ): Promise<InteractiveProcess> {
    this.#ran(command, options);
    await this.beforeExec(options.signal);
    const note = (what: string): void => void this.history.push(what);
    const bridge = new FakeBridge({
      hasBus: !command.some((each) => each.includes("/systemd/private")),
      note,
    });
    this.bridges.push(bridge);
    this.prepare(bridge, this.bridges.length - 1);
    return bridge;
  }

  async run(
    _container: string,
    command: readonly string[],
    options: RunOptions,
  ): Promise<CommandOutput> {
    this.#ran(command, options);
    const isSync = command.includes("--sync");
    this.history.push(isSync ? "journal sync" : "journal read");
    const answer = isSync ? this.sync : this.journal;
    if (answer instanceof Error) throw answer;
    return whole({
      stdout: "",
      exitCode: 0,
      stderr: "",
      ...(await orAborted(answer, options.signal)),
    });
  }

  #ran(command: readonly string[], { user }: RuntimeExecOptions): void {
    this.commands.push(user === undefined ? { command } : { command, user });
  }
}

/** As the script around journalctl gives it, where that ran at all. */
function whole(output: CommandOutput): CommandOutput {
  const { stdout, exitCode, stderr } = output;
  if (exitCode === undefined || exitCode >= 125 || stderr.startsWith("Error response from")) {
    return output;
  }
  const lines = stdout === "" || stdout.endsWith("\n") ? stdout : `${stdout}\n`;
  return { stdout: `${lines}end ${exitCode}\n`, exitCode: 0, stderr };
}

/** As a runtime does it: an abort ends the wait. */
async function orAborted<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
