import type { Clock } from "../../domain/clock.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import type { SystemdRunOptions, SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { MARK } from "../format/mark.ts";
import { MATCH_RULE, SYSTEMD } from "../format/objects.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { SystemdSession } from "../session/systemd-session.ts";
import { startError } from "./bridge-error.ts";
import { BusctlTransport } from "./busctl-transport.ts";
import { GracefulClose } from "./graceful-close.ts";
import { untilInputEnds } from "./shell-script.ts";

/**
 * `busctl monitor` doesn't read its stdin and would outlive every process that started it. What busctl
 * prints on stderr comes on stdout too: one line says that it has begun to listen.
 */
const SCRIPT = untilInputEnds(
  'busctl monitor --watch-bind=yes --json=short --match "$1" --match "$2" org.freedesktop.systemd1 2>&1',
  "kill",
);

/** Reports re-execution. systemd's own signals match because busctl is given its name. */
const OWNER_RULE = `type=signal,sender=org.freedesktop.DBus,member=NameOwnerChanged,arg0=${SYSTEMD}`;

export interface BusctlSourceOptions {
  readonly runtime: Pick<ContainerRuntime, "exec" | "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  /** Returns true while the container is paused. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
}

/**
 * A container's systemd through its `busctl`. It can't make systemd send signals: systemd does so
 * only while some other client, such as logind, has subscribed.
 */
export class BusctlSource implements SystemdSource {
  readonly #options: BusctlSourceOptions;
  readonly #journal: JournalRecovery;

  constructor(options: BusctlSourceOptions) {
    this.#options = options;
    this.#journal = new JournalRecovery(options);
  }

  async run(take: TakeMessage, run: SystemdRunOptions): Promise<void> {
    const { signal } = run;
    const { runtime, container, clock } = this.#options;
    const command = ["sh", "-c", SCRIPT, MARK, MATCH_RULE, OWNER_RULE];
    try {
      const monitor = await runtime.exec(container, command, { signal }).catch((error: unknown) => {
        throw startError(error);
      });
      await using gracefulClose = new GracefulClose(monitor, { clock, signal });
      const options = { ...this.#options, signal, gracefulClose };
      const transport = await BusctlTransport.open(monitor, options);
      const journal = this.#journal;
      await new SystemdSession(transport, { ...run, take, journal, clock }).run();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
