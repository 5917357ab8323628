import type { Clock } from "../../domain/clock.ts";
import type { CommandOutput, ContainerRuntime } from "../../domain/runtime.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import { parseJsonObject } from "../../platform/data/json.ts";
import { LineSplitter } from "../../platform/data/lines.ts";
import { saysCannotRun, saysNoCommand } from "./exec-failure.ts";
import { MARK } from "./mark.ts";
import { timeNsOf } from "./timestamps.ts";
import { systemdWord } from "./unit-signals.ts";

/** MESSAGE_ID of `Failed with result …` and of `Scheduled restart job …` in the journal. */
export const FAILURE = "d9b373ed55a64feb8242e02dbe79a49c";
const RESTART = "5eb03494b6584870a536b337290809b3";

/** Its last line marks the output as complete, and has the command's exit code. */
const SCRIPT = 'journalctl "$@"; echo "end $?"';
const LAST_LINE_CHARS = 16;

export const MAX_JOURNAL_BYTES = 64 * 1024 * 1024;
const NS_PER_US = 1_000n;

/** journalctl is missing, or fails to read the journal. */
export class JournalError extends Error {
  override readonly name = "JournalError";
  /** True if the container has no journalctl. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean) {
    super(message);
    this.isFinal = isFinal;
  }
}

/** Limit on reading: messages are buffered meanwhile, and a journal that hangs must not stop them. */
export const JOURNAL_LIMIT_MS = 20_000;

export interface JournalQuery {
  readonly runtime: Pick<ContainerRuntime, "run">;
  /** Container id. */
  readonly container: string;
  /** Unix nanoseconds. */
  readonly sinceNs: bigint;
  readonly clock: Pick<Clock, "nowNs">;
  readonly signal: AbortSignal;
  /** User whose manager wrote the entries. Default: PID 1 did. */
  readonly user?: string | undefined;
}

/**
 * Reads failures and restarts of units from a container's journal, from `sinceNs` on, oldest first.
 * It runs `journalctl` twice: first so that journald writes what it has received up to now.
 *
 * @throws JournalError if journalctl is missing, fails, or finds nothing because no journald runs;
 * Error if journalctl can't be run now, or is cut off
 */
export async function readJournal(query: JournalQuery): Promise<JournalEntry[]> {
  const { runtime, container, sinceNs, user } = query;
  const signal = AbortSignal.any([query.signal, AbortSignal.timeout(JOURNAL_LIMIT_MS)]);
  const run = async (args: readonly string[], maxBytes: number): Promise<CommandOutput> => {
    const command = ["sh", "-c", SCRIPT, MARK, ...args];
    return whole(await runtime.run(container, command, { user: "0:0", maxBytes, signal }));
  };
  const synced = await run(["--sync"], 64 * 1024);
  const output = await run(journalArgs(sinceNs, user), MAX_JOURNAL_BYTES);
  const entries = entriesIn(output, query);
  // If no journald runs, journalctl finds nothing, and doesn't fail.
  if (entries.length === 0 && synced.exitCode !== 0) {
    throw new JournalError(`journalctl --sync failed: ${whyOf(synced)}`, isMissing(synced));
  }
  return entries;
}

/**
 * Returns the arguments of a journalctl that prints the failures and restarts from `sinceNs` on, as PID 1
 * or a user's manager wrote them.
 */
export function journalArgs(sinceNs: bigint, user?: string): readonly string[] {
  const { unit, invocationId } = fieldsOf(user);
  return [
    "--no-pager",
    "--quiet",
    "--output=json",
    `--output-fields=MESSAGE_ID,${unit},UNIT_RESULT,N_RESTARTS,${invocationId},_SOURCE_REALTIME_TIMESTAMP`,
    sinceArg(sinceNs),
    // The user can write such entries too, about units of its own manager alone.
    ...(user === undefined ? ["_PID=1"] : [`_UID=${user}`, `_SYSTEMD_UNIT=user@${user}.service`]),
    `MESSAGE_ID=${FAILURE}`,
    `MESSAGE_ID=${RESTART}`,
  ];
}

/** Fields of an entry that name its unit and its run. */
function fieldsOf(user: string | undefined): {
  readonly unit: string;
  readonly invocationId: string;
} {
  return user === undefined
    ? { unit: "UNIT", invocationId: "INVOCATION_ID" }
    : { unit: "USER_UNIT", invocationId: "USER_INVOCATION_ID" };
}

/** Returns the entries that journalctl printed. @throws JournalError if it failed */
export function entriesIn(
  output: CommandOutput,
  { sinceNs, clock, user }: Pick<JournalQuery, "sinceNs" | "clock" | "user">,
): JournalEntry[] {
  const { stdout, exitCode, stderr } = output;
  // journalctl exits with 1 if it found nothing at all.
  if (exitCode !== 0 && !(exitCode === 1 && stdout === "" && stderr.trim() === "")) {
    throw new JournalError(`journalctl failed: ${whyOf(output)}`, isMissing(output));
  }
  return parseJournal(stdout, clock.nowNs(), user).filter((entry) => entry.timeNs >= sinceNs);
}

/**
 * Returns the output of the command in the script. If it was cut off or killed, the script's last
 * line is missing, though the engine may report exit code 0 even then.
 */
function whole(output: CommandOutput): CommandOutput {
  const { stdout, stderr } = output;
  const end = /(?:^|\n)end (\d{1,3})\n?$/.exec(stdout.slice(-LAST_LINE_CHARS));
  if (end?.[1] !== undefined) {
    const length = stdout.length - end[0].length;
    return { stdout: stdout.slice(0, length), exitCode: Number(end[1]), stderr };
  }
  const why = whyOf(output) || `exit code ${output.exitCode ?? "none"}, and no end`;
  if (isMissing(output)) throw new JournalError(`journalctl failed: ${why}`, true);
  throw new Error(`journalctl failed: ${why}`);
}

export function isMissing({ exitCode, stdout, stderr }: CommandOutput): boolean {
  if (exitCode !== 126 && exitCode !== 127) return false;
  const text = stdout + stderr;
  // The shell's own words are shorter.
  return saysNoCommand(text) || (!saysCannotRun(text) && /not found|no such file/i.test(text));
}

export function whyOf({ stdout, stderr }: CommandOutput): string {
  return (stderr || stdout).trim().slice(0, 300);
}

/**
 * Reads the JSON lines of the command above. Leaves out lines that systemd can't have written, and
 * those of an impossible time: counted, such an entry would hide every true one after it.
 *
 * @param nowNs time of reading, in Unix nanoseconds
 * @param user as in {@link JournalQuery}
 */
export function parseJournal(text: string, nowNs: bigint, user?: string): JournalEntry[] {
  const entries: JournalEntry[] = [];
  const names = fieldsOf(user);
  const lines = new LineSplitter({
    onLine(line) {
      const entry = entryOf(line, nowNs, names);
      if (entry !== undefined) entries.push(entry);
    },
    onBadLine() {},
  });
  lines.push(text);
  lines.end();
  return entries;
}

function entryOf(
  line: string,
  nowNs: bigint,
  names: ReturnType<typeof fieldsOf>,
): JournalEntry | undefined {
  const fields = parseJsonObject(line);
  if (fields === undefined) return undefined;
  const text = (name: string): string => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  const id = text("MESSAGE_ID");
  const unit = text(names.unit);
  const time = text("_SOURCE_REALTIME_TIMESTAMP") || text("__REALTIME_TIMESTAMP");
  const known = id === FAILURE || id === RESTART;
  if (!known || unit === "" || unit.length >= MAX_UNIT_NAME_BYTES) return undefined;
  const timeNs = /^\d{1,18}$/.test(time) ? timeNsOf(BigInt(time), nowNs, 0n) : 0n;
  if (timeNs === 0n) return undefined;
  const invocationId = text(names.invocationId);
  const restarts = text("N_RESTARTS");
  return {
    kind: id === FAILURE ? "failure" : "restart",
    unit: unit.toWellFormed(),
    result: id === FAILURE ? systemdWord(text("UNIT_RESULT")) : undefined,
    restarts: /^\d{1,9}$/.test(restarts) ? Number(restarts) : undefined,
    invocationId: /^[0-9a-f]{32}$/.test(invocationId) ? invocationId : "",
    timeNs,
  };
}

/** Returns the argument of journalctl for entries from a time on. */
export function sinceArg(timeNs: bigint): string {
  return `--since=@${microseconds(timeNs)}`;
}

export function untilArg(timeNs: bigint): string {
  return `--until=@${microseconds(timeNs)}`;
}

function microseconds(timeNs: bigint): string {
  const us = timeNs / NS_PER_US;
  return `${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, "0")}`;
}
