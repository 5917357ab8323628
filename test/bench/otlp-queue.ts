import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Row, Section } from "./section.ts";

const FILE = join(import.meta.dirname, "otlp-queue-run.ts");

/** Measurements; each runs in its own process. */
const RUNS = ["into", "out", "outage"] as const;

export const section: Section = {
  name: "otlp",
  run: async () => [...(await benchOtlpQueue())],
};

/** Measures the throughput of the log queue, and the cost of an endpoint that is down. */
async function benchOtlpQueue(): Promise<readonly Row[]> {
  const sink = fork(FILE, ["sink"], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  try {
    const [{ url }] = (await once(sink, "message")) as [{ readonly url: string }];
    const disorders: unknown[] = [];
    sink.on("message", (message) => disorders.push(message));
    const rows: Row[] = [];
    for (const run of RUNS) {
      const path = mkdtempSync(join(tmpdir(), "unitwatch-bench-"));
      try {
        rows.push(...(await measured(fork(FILE, [run, url, path], { execArgv: ["--expose-gc"] }))));
      } finally {
        rmSync(path, { recursive: true, force: true });
      }
      await setTimeout(500);
    }
    const disorder = disorders.length;
    rows.push({ name: "records out of order", value: disorder, unit: "", pass: disorder === 0 });
    return rows;
  } finally {
    sink.kill();
  }
}

async function measured(child: ChildProcess): Promise<readonly Row[]> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a run ended with ${code}`);
  });
  const [rows] = (await Promise.race([once(child, "message"), ended])) as [readonly Row[]];
  child.kill();
  await ended.catch(() => {});
  return rows;
}
