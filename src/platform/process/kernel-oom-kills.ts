import { close, constants, open, readSync } from "node:fs";
import { promisify } from "node:util";
import { setImmediate as turn } from "node:timers/promises";

const KERNEL_LOG = "/dev/kmsg";
/** One read gets one record; the kernel rejects a smaller buffer than the record. */
const RECORD_BYTES = 8_192;
/** Records of one turn, and of one reading: the kernel's buffer has some thousands. */
const RECORDS_PER_TURN = 500;
const MAX_RECORDS = 100_000;
const MAX_KILLS = 200;

const TIME = /^\d+,\d+,(\d{1,18}),/;
const LIMIT = /^memory: usage \d+kB, limit (\d{1,15})kB, failcnt /;
const KILL = /^oom-kill:constraint=(\w+),.*,task_memcg=(\/[^,]*),task=(.*),pid=(\d{1,10}),uid=\d+$/;

/** A process that the kernel killed for lack of memory. */
export interface KernelOomKill {
  /** As the kernel names it: the first 15 bytes of the name of its program. */
  readonly process: string;
  /** Nanoseconds of the monotonic clock, whose drift from the log's is small. */
  readonly monotonicNs: bigint;
  /** In the host's pid namespace. */
  readonly pid: number;
  /** Its cgroup, as the host sees it. */
  readonly cgroup: string;
  /** Limit of the cgroup that was reached; undefined if the whole host ran out of memory. */
  readonly limitBytes: number | undefined;
}

/**
 * Returns the kills that the kernel's log still has, the oldest first; none if this process may not
 * read it, which takes root or CAP_SYSLOG.
 */
export async function kernelOomKills(): Promise<readonly KernelOomKill[]> {
  const fd = await promisify(open)(KERNEL_LOG, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (fd === undefined) return [];
  try {
    const parser = new OomKillParser();
    const buffer = Buffer.alloc(RECORD_BYTES);
    for (let count = 1; count <= MAX_RECORDS; count += 1) {
      const record = readRecord(fd, buffer);
      if (record === undefined) break;
      parser.add(record);
      if (count % RECORDS_PER_TURN === 0) await turn();
    }
    return parser.kills;
  } finally {
    await promisify(close)(fd);
  }
}

/** Returns "" if records were overwritten meanwhile, undefined at the end. */
function readRecord(fd: number, buffer: Buffer): string | undefined {
  try {
    const bytes = readSync(fd, buffer, 0, buffer.length, null);
    return bytes === 0 ? undefined : buffer.toString("latin1", 0, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPIPE" ? "" : undefined;
  }
}

/** Reads records of the kernel's log: `PRIORITY,NUMBER,MICROSECONDS,FLAGS;TEXT\n`. */
export class OomKillParser {
  readonly #kills: KernelOomKill[] = [];
  /** Of the cgroup whose report is under way. */
  #limitBytes: number | undefined = undefined;

  get kills(): readonly KernelOomKill[] {
    return this.#kills;
  }

  add(record: string): void {
    const start = record.indexOf(";") + 1;
    const end = record.indexOf("\n", start);
    const text = record.slice(start, end < 0 ? undefined : end);
    const limit = LIMIT.exec(text)?.[1];
    if (limit !== undefined) this.#limitBytes = Number(limit) * 1024;
    const [, constraint, cgroup = "", process = "", pid] = KILL.exec(text) ?? [];
    const micros = TIME.exec(record)?.[1];
    if (pid === undefined || micros === undefined) return;
    const monotonicNs = BigInt(micros) * 1_000n;
    const limitBytes = constraint === "CONSTRAINT_MEMCG" ? this.#limitBytes : undefined;
    this.#limitBytes = undefined;
    this.#kills.push({ process, monotonicNs, pid: Number(pid), cgroup, limitBytes });
    if (this.#kills.length > MAX_KILLS) this.#kills.shift();
  }
}
