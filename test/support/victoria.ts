import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "./cache-dir.ts";
import { debianMirror } from "./engine/debian-mirror.ts";
import { ensureCommands, systemEnv } from "./engine/packages.ts";
import { type Server, startServer } from "./foreign-server.ts";

const SCRIPT = join(import.meta.dirname, "victoria.sh");
const LISTENING = /started server at http:\/\/127\.0\.0\.1:(\d+)\//;
/** Memory limit; by default both use a share of the machine's memory. */
const MODEST = "-memory.allowedBytes=64MiB";

/** Record of VictoriaLogs: body, attributes and resource attributes, all as text. */
export type StoredLog = Readonly<Record<string, string>>;

/** Sample of VictoriaMetrics. */
export interface StoredSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Log store with an OTLP endpoint. Disposing it ends it, and keeps its folder. */
export interface VictoriaLogs extends AsyncDisposable {
  readonly port: number;
  /** Value of OTEL_EXPORTER_OTLP_LOGS_ENDPOINT. */
  readonly endpoint: string;
  /** Runs a LogsQL query; returns records in the order of their times. */
  query(logsQl: string): Promise<readonly StoredLog[]>;
}

/** Starts VictoriaLogs on its folder, which is created and kept, at this port or a free one. */
export async function startVictoriaLogs(folder: string, port = 0): Promise<VictoriaLogs> {
  await mkdir(folder, { recursive: true });
  const server = await startServer(join(await victoria(), "victoria-logs"), {
    folder,
    keepFolder: true,
    listening: LISTENING,
    args: [`-storageDataPath=${folder}`, `-httpListenAddr=127.0.0.1:${port}`, MODEST],
  });
  return {
    port: server.port,
    endpoint: `http://127.0.0.1:${server.port}/insert/opentelemetry/v1/logs`,
    async query(logsQl) {
      const query = new URLSearchParams({ query: `${logsQl} | sort by (_time)` }).toString();
      const { status, text } = await server.get(`/select/logsql/query?${query}`);
      if (status !== 200) throw new Error(`${logsQl}: ${status} ${text}`);
      const lines = text.split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as StoredLog);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Metrics store with an OTLP endpoint; it uses Prometheus's names. */
export interface VictoriaMetrics extends AsyncDisposable {
  /** Value of OTEL_EXPORTER_OTLP_METRICS_ENDPOINT. */
  readonly endpoint: string;
  /** Runs a PromQL query on the latest samples. */
  query(promQl: string): Promise<readonly StoredSample[]>;
}

export async function startVictoriaMetrics(): Promise<VictoriaMetrics> {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-victoria-"));
  const server: Server = await startServer(join(await victoria(), "victoria-metrics"), {
    folder,
    listening: LISTENING,
    args: [
      `-storageDataPath=${folder}`,
      "-httpListenAddr=127.0.0.1:0",
      "-opentelemetry.usePrometheusNaming",
      // Makes queries see the newest samples.
      "-search.latencyOffset=0s",
      "-search.disableCache",
      MODEST,
    ],
  });
  return {
    endpoint: `http://127.0.0.1:${server.port}/opentelemetry/v1/metrics`,
    async query(promQl) {
      // Received data is visible only after a flush.
      await server.get("/internal/force_flush");
      const query = new URLSearchParams({ query: promQl }).toString();
      const { status, text } = await server.get(`/api/v1/query?${query}`);
      if (status !== 200) throw new Error(`${promQl}: ${status} ${text}`);
      return (JSON.parse(text) as { data: { result: StoredSample[] } }).data.result;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * Returns the folder of both programs from the cache, or makes it, which takes half a minute on two
 * processors. A lock makes concurrent processes wait for one build.
 */
async function victoria(): Promise<string> {
  const recipe = createHash("sha256").update(readFileSync(SCRIPT)).digest("hex").slice(0, 12);
  const folder = join(cacheDir(), `victoria-${recipe}`);
  // Written last.
  if (existsSync(join(folder, "victoria-logs"))) return folder;
  await ensureCommands({ flock: "util-linux" });
  await mkdir(folder, { recursive: true });
  const mirror = await debianMirror();
  const make = ["sh", SCRIPT, folder, mirror?.url ?? ""];
  await execa("flock", [join(folder, "lock"), ...make], { env: systemEnv() });
  return folder;
}
