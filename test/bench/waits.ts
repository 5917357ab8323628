import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { slowMs } from "../support/slowness.ts";
import { percentile, row, type Section } from "./section.ts";
import { startFakePeers } from "./support/fake-peers.ts";

const MAIN = join(import.meta.dirname, "../../dist/main.js");
const RUNS = 1_000;
const AT_ONCE = 8;
const UNITS = 100;
const LIMIT_SECONDS = 5;
const OTHER_LIMIT_SECONDS = 60;
/** A run that takes longer hangs. */
const HANG_MS = 90_000;
const KILL_MS = 10_000;

/** How a run ends: its condition is true or false, or it is ended by SIGTERM as it watches. */
type Kind = "true" | "false" | "ended";

const EXIT_CODES: Readonly<Record<Kind, number>> = { true: 0, false: 1, ended: 143 };
/** Kinds in turn. */
const KINDS: readonly Kind[] = [
  "false",
  "true",
  "false",
  "false",
  "ended",
  "false",
  "true",
  "false",
];

interface Ended {
  readonly kind: Kind;
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly ms: number;
  readonly hangs: boolean;
  /** True if SIGTERM didn't end it. */
  readonly isDeaf: boolean;
}

/** A thousand runs of `unitwatch wait`, several at a time: each ends, with its exit code. */
export const section: Section = {
  name: "waits",
  isOnDemand: true,
  async run(context) {
    await using peers = await startFakePeers(context.dir, 1, UNITS);
    const all: Ended[] = [];
    let started = 0;
    const runSome = async (): Promise<void> => {
      while (started < RUNS) {
        started += 1;
        all.push(await runOne(KINDS[started % KINDS.length]!, peers.host));
        if (all.length % 100 === 0) context.progress(`${all.length} of ${RUNS} runs`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, runSome));
    const times = (kind: Kind): number[] =>
      all.filter((ended) => ended.kind === kind).map(({ ms }) => ms / 1_000);
    const late = times("false").map((seconds) => seconds - LIMIT_SECONDS);
    const wrong = all.filter(({ kind, code }) => code !== EXIT_CODES[kind]);
    for (const { kind, code, ms } of wrong) {
      context.progress(`${kind}: exit code ${code} after ${(ms / 1_000).toFixed(1)} s`);
    }
    return [
      row("runs of wait", all.length, "", `== ${RUNS}`),
      row("runs that hung", all.filter(({ hangs }) => hangs).length, "", "== 0"),
      row("runs that SIGTERM did not end", all.filter(({ isDeaf }) => isDeaf).length, "", "== 0"),
      row("wrong exit codes", wrong.length, "", "== 0"),
      row("wait, true, p50", percentile(times("true"), 0.5), "s"),
      row("wait, true, p99", percentile(times("true"), 0.99), "s"),
      row("wait, false, over its limit, p50", percentile(late, 0.5), "s"),
      row("wait, false, over its limit, longest", Math.max(...late), "s"),
    ];
  },
};

async function runOne(kind: Kind, host: string): Promise<Ended> {
  const args = [
    `--docker.host=${host}`,
    "--docker.runtime=engine",
    "--container=sind-bench-worker-0",
    `--unit=some-service-1.service=${kind === "true" ? "active" : "failed"}`,
    // A loaded machine takes its time to find that a condition is true.
    `--timeout=${kind === "false" ? LIMIT_SECONDS : OTHER_LIMIT_SECONDS}s`,
    "--keep-waiting",
    ...(kind === "ended" ? ["--log.level=debug"] : []),
  ];
  const begin = performance.now();
  const child = spawn(process.execPath, [MAIN, "wait", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  // It logs what is missing as soon as it watches.
  if (kind === "ended") child.stderr.once("data", () => child.kill("SIGTERM"));
  child.stderr.resume();
  let hangs = false;
  let isDeaf = false;
  const timers = [
    setTimeout(() => {
      hangs = true;
      child.kill("SIGTERM");
    }, slowMs(HANG_MS)),
    setTimeout(
      () => {
        isDeaf = true;
        child.kill("SIGKILL");
      },
      slowMs(HANG_MS) + KILL_MS,
    ),
  ];
  const [code] = await exited;
  timers.forEach((timer) => clearTimeout(timer));
  return { kind, code, ms: performance.now() - begin, hangs, isDeaf };
}
