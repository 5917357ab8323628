import type { SystemdSource, TakeMessage } from "../../src/domain/systemd.ts";
import type { UnitRow } from "../../src/domain/unit.ts";

/** One attempt to watch a systemd. */
export interface FakeSystemdRun {
  readonly take: TakeMessage;
  readonly signal: AbortSignal;
  /** The stream stands, nothing was missed, and these units are loaded. */
  attach(rows?: readonly UnitRow[]): void;
  /** It ends, by a fault or without. */
  end(error?: Error): void;
}

/** A systemd that is watched as a test says. An attempt ends when its signal aborts, unless told not to. */
export class FakeSystemdSource implements SystemdSource {
  readonly runs: FakeSystemdRun[] = [];
  /** While set, every attempt fails with it at once. */
  fault: Error | undefined;
  /** While true, an abort doesn't end an attempt. */
  isStubborn = false;

  /** The latest attempt. Throws where there was none. */
  get latest(): FakeSystemdRun {
    const run = this.runs.at(-1);
    if (run === undefined) throw new Error("nobody has tried to watch it");
    return run;
  }

  async run(take: TakeMessage, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const ended = Promise.withResolvers<void>();
    this.runs.push({
      take,
      signal,
      attach(rows = []) {
        take({ kind: "attached", transport: "dbus", atNs: 1_000n });
        take({ kind: "recovered", entries: [] });
        take({ kind: "listed", rows: rows, asOfNs: 1_000n });
      },
      end(error) {
        if (error === undefined) ended.resolve();
        else ended.reject(error);
      },
    });
    if (this.fault !== undefined) throw this.fault;
    signal.addEventListener("abort", () => {
      if (!this.isStubborn) ended.resolve();
    });
    await ended.promise;
  }
}
