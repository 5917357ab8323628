import type { Process } from "../../domain/process.ts";
import type {
  CommandOutput,
  ContainerRuntime,
  InspectAnswer,
  InteractiveProcess,
} from "../../domain/runtime.ts";

/**
 * The runtime without an engine. It only reads what the host shows: a command in a container, and each
 * request that an engine would answer, is rejected.
 */
export class ProcRuntime implements ContainerRuntime {
  readonly kind = "proc";
  readonly engine = "proc";
  readonly where = undefined;
  readonly chosen: string | undefined;

  /** @param chosen why it was taken; undefined if it was configured */
  constructor(chosen?: string) {
    this.chosen = chosen;
  }

  hostName(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  events(): Promise<Process> {
    return rejected();
  }

  list(): Promise<readonly string[]> {
    return rejected();
  }

  summaries(): Promise<readonly unknown[]> {
    return rejected();
  }

  inspect(): Promise<InspectAnswer> {
    return rejected();
  }

  exec(): Promise<InteractiveProcess> {
    return rejected();
  }

  run(): Promise<CommandOutput> {
    return rejected();
  }

  execs(): Promise<readonly (readonly string[])[]> {
    return Promise.resolve([]);
  }

  cgroups(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): void {}
}

function rejected(): Promise<never> {
  return Promise.reject(new Error("the runtime proc runs no command in containers"));
}
