import type { SystemdSource, TakeMessage } from "../../src/domain/systemd.ts";
import type { UnitRow } from "../../src/domain/unit.ts";

/** One attempt to watch a systemd. */
export interface FakeSystemdRun {
  readonly take: TakeMessage;
  readonly signal: AbortSignal;
  /** Opens the stream; no change was missed, and these units are loaded. */
  attach(rows?: readonly UnitRow[]): void;
  /** Ends it, with or without an error. */
  end(error?: Error): void;
}

/** Systemd whose watch a test controls. A run ends when its signal aborts, unless it is stubborn. */
export class FakeSystemdSource implements SystemdSource {
  readonly runs: FakeSystemdRun[] = [];
  /** While set, every run fails with it at once. */
  fault: Error | undefined;
  /** While true, an abort doesn't end a run. */
  isStubborn = false;

  /** Latest run. @throws before the first one */
  get latest(): FakeSystemdRun {
    const run = this.runs.at(-1);
    if (run === undefined) throw new Error("no run yet");
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
