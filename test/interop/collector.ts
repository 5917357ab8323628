import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { systemEnv } from "../support/engine/packages.ts";
import type { CertificateFiles } from "../support/test-authority.ts";
import { collectorProgram } from "./programs.ts";

/** The shipped configuration. */
const CONFIG = join(import.meta.dirname, "../../deploy/otel-collector/config.yaml");
const READY = "Everything is ready. Begin running and processing data.";

export interface CollectorOptions {
  /** OTLP endpoint over HTTP that it sends to. */
  readonly to: string;
  /** Makes it require a certificate of this authority from its clients. */
  readonly tls?: CertificateFiles & { readonly authority: string };
  /** True for a queue on its disk: it then accepts a record before the endpoint does. */
  readonly queues?: boolean;
}

/**
 * OpenTelemetry Collector with deploy/otel-collector/config.yaml, of which only addresses, certificates
 * and the queue are replaced, and to which a pipeline for metrics is added. Disposing it ends it.
 */
export class Collector implements AsyncDisposable {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Lines of its log. */
  readonly log: string[] = [];
  readonly #program: string;
  readonly #folder: string;
  readonly #changes: object;
  #child: ChildProcess | undefined;

  private constructor(program: string, folder: string, options: CollectorOptions & Ports) {
    this.#program = program;
    this.#folder = folder;
    this.httpPort = options.httpPort;
    this.grpcPort = options.grpcPort;
    this.#changes = changes(folder, options);
  }

  static async start(options: CollectorOptions): Promise<Collector> {
    const program = await collectorProgram();
    const folder = await mkdtemp(join(tmpdir(), "unitwatch-collector-"));
    const [httpPort = 0, grpcPort = 0] = await freePorts(2);
    const collector = new Collector(program, folder, { ...options, httpPort, grpcPort });
    await collector.start();
    return collector;
  }

  /** Starts it again, on the same ports and folder. @throws with its log if it doesn't get ready */
  async start(): Promise<void> {
    const args = [`--config=${CONFIG}`, `--config=yaml:${stringify(this.#changes)}`];
    const child = spawn(this.#program, args, {
      cwd: this.#folder,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...systemEnv(), GOMAXPROCS: "1" },
    });
    this.#child = child;
    const lines = createInterface({ input: child.stderr });
    await new Promise<void>((resolve, reject) => {
      lines.on("line", (line) => {
        this.log.push(line);
        if (line.includes(READY)) resolve();
      });
      child.once("error", reject);
      lines.once("close", () => reject(new Error(`it ended:\n${this.log.slice(-20).join("\n")}`)));
    });
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

interface Ports {
  readonly httpPort: number;
  readonly grpcPort: number;
}

function changes(folder: string, options: CollectorOptions & Ports): object {
  const { to, tls, queues = false, httpPort, grpcPort } = options;
  const server = tls && {
    tls: { cert_file: tls.cert, key_file: tls.key, client_ca_file: tls.authority },
  };
  const storage = { directory: folder, create_directory: true, fsync: true };
  return {
    receivers: {
      otlp: {
        protocols: {
          http: { endpoint: `127.0.0.1:${httpPort}`, ...server },
          grpc: { endpoint: `127.0.0.1:${grpcPort}`, ...server },
        },
      },
    },
    exporters: {
      "otlphttp/logs": {
        logs_endpoint: `${to}/v1/logs`,
        metrics_endpoint: `${to}/v1/metrics`,
        // The receiver of the tests takes no compressed requests.
        compression: "none",
        ...(queues && {
          sending_queue: { enabled: true, storage: "file_storage" },
          retry_on_failure: { enabled: true, initial_interval: "100ms", max_interval: "500ms" },
        }),
      },
    },
    ...(queues && { extensions: { file_storage: storage } }),
    service: {
      ...(queues && { extensions: ["file_storage"] }),
      pipelines: { metrics: { receivers: ["otlp"], exporters: ["otlphttp/logs"] } },
      telemetry: { metrics: { level: "none" } },
    },
  };
}

/** Returns ports of 127.0.0.1 that are free now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
