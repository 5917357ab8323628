import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ProcessExit } from "../../domain/process.ts";
import type { ContainerRuntime, InteractiveProcess } from "../../domain/runtime.ts";
import type { SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { BusctlSession } from "../session/busctl-session.ts";
import { GracefulClose } from "./graceful-close.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { LineSplitter } from "../../platform/data/lines.ts";
import { MATCH_RULE } from "./systemd-monitor.ts";
import { SYSTEMD } from "../format/systemd-objects.ts";

/**
 * `busctl monitor` doesn't read its stdin and would outlive everyone who started it. So a shell
 * starts it, and ends it as soon as its own stdin ends, which it does however unitwatch or the
 * engine's command end; when busctl ends by itself, the shell does too. What busctl says to people
 * comes along on stdout: one line tells that it has begun to listen.
 */
const SCRIPT = `exec 3<&0
busctl monitor --watch-bind=yes --json=short --match "$1" --match "$2" org.freedesktop.systemd1 2>&1 </dev/null 3<&- &
p=$!
{ cat <&3; kill $p; } >/dev/null 2>&1 &
exec 3<&-
wait $p`;

/** systemd runs itself anew. Its own signals are told because busctl is given its name. */
const OWNER_RULE = `type=signal,sender=org.freedesktop.DBus,member=NameOwnerChanged,arg0=${SYSTEMD}`;

const LISTENING = /^Monitoring bus message stream/;
const MAX_REMARK_CHARS = 300;
const HANDSHAKE_MS = 10_000;
/** How long it may take until busctl says that it listens; since v256 it doesn't say so. */
const POKE_AFTER_MS = 100;
const MAX_POKE_MS = 2_000;

export interface BusctlSourceOptions {
  readonly runtime: Pick<ContainerRuntime, "exec" | "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
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

  async run(take: TakeMessage, options: { readonly signal: AbortSignal }): Promise<void> {
    const { runtime, container, clock } = this.#options;
    const process = await runtime.exec(
      container,
      ["sh", "-c", SCRIPT, "unitwatch", MATCH_RULE, OWNER_RULE],
      options,
    );
    const fault = new AbortController();
    const signal = AbortSignal.any([options.signal, fault.signal]);
    const gracefulClose = new GracefulClose(process, clock);
    signal.addEventListener("abort", gracefulClose.say, { once: true });
    if (signal.aborted) gracefulClose.say();
    try {
      await this.#read(process, take, { signal, fault });
    } finally {
      signal.removeEventListener("abort", gracefulClose.say);
      await gracefulClose.heard();
    }
    if (fault.signal.aborted && !options.signal.aborted) throw asError(fault.signal.reason);
  }

  async #read(
    process: InteractiveProcess,
    take: TakeMessage,
    control: { readonly signal: AbortSignal; readonly fault: AbortController },
  ): Promise<void> {
    const { signal, fault } = control;
    let remark = "";
    let listing: Promise<void> | undefined;
    const failed = (error: unknown): void => {
      if (!signal.aborted) fault.abort(error);
    };
    const session = new BusctlSession(take, {
      ...this.#options,
      journal: this.#journal,
      signal,
      failed,
    });
    const poking = new AbortController();
    const listen = (): void => {
      poking.abort();
      listing ??= session.attach().catch(failed);
    };
    const lines = new LineSplitter({
      onLine: (line) => {
        if (LISTENING.test(line)) listen();
        else if (!line.startsWith("{")) remark = line.slice(0, MAX_REMARK_CHARS);
        else {
          listen();
          session.line(line);
        }
      },
      onBadLine: () => void take({ kind: "parse-error" }),
    });
    using _handshake = this.#options.clock.setTimeout(() => {
      if (listing === undefined) {
        fault.abort(new Error(`busctl monitor said nothing for ${HANDSHAKE_MS / 1000} s`));
      }
    }, HANDSHAKE_MS);
    void this.#poke(session, AbortSignal.any([signal, poking.signal]));
    try {
      for await (const chunk of process.stdout) lines.push(chunk);
      if (listing === undefined) lines.end();
    } catch (error) {
      fault.abort(error);
    }
    poking.abort();
    await listing;
    if (listing !== undefined || signal.aborted) return;
    const exit = (await process.exited) as Partial<ProcessExit> | undefined;
    const why = remark || exit?.stderr?.trim() || `exit code ${exit?.exitCode ?? "unknown"}`;
    throw new Error(`busctl monitor can't be run: ${why}`);
  }

  /** Has the monitor show something where it doesn't say that it listens, until `signal` aborts. */
  async #poke(session: BusctlSession, signal: AbortSignal): Promise<void> {
    for (let waitMs = POKE_AFTER_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, MAX_POKE_MS)) {
      try {
        await this.#options.clock.sleep(waitMs, signal);
        await session.poke();
      } catch {
        // One that fails is followed by others; the limit of the handshake tells if all do.
      }
    }
  }
}
