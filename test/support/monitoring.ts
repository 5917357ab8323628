import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { debianCommand, unpackedPackage } from "./debian-command.ts";
import { goProgram, type GoProgram } from "./go-program.ts";
import { type Server, startServer } from "./foreign-server.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");

export const LISTENING = /msg="Listening on".* address=\S+?:(\d+)$/;

/** Replaces every match of a pattern in a file of deploy/. @throws if nothing matches */
export type Edit = readonly [pattern: RegExp, replacement: string];

/** Sample of an instant query, or series of a range query. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
}

declare global {
  /** Programs in place of Debian's, set by the test project `interop`. */
  var monitoring: { readonly prometheus: GoProgram; readonly alertmanager: GoProgram } | undefined;
}

export class Prometheus implements AsyncDisposable {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  async query(expr: string): Promise<readonly QueryResult[]> {
    return (await this.#api<{ result: QueryResult[] }>("query", { query: expr })).result;
  }

  /** Queries the last minute with a step of one second. */
  async queryRange(expr: string): Promise<readonly QueryResult[]> {
    const end = Date.now() / 1000;
    const span = { start: String(end - 60), end: String(end), step: "1" };
    const parameters = { query: expr, ...span };
    return (await this.#api<{ result: QueryResult[] }>("query_range", parameters)).result;
  }

  labelValues(label: string, selector: string): Promise<readonly string[]> {
    return this.#api(`label/${label}/values`, { "match[]": selector });
  }

  /** Returns the alerts that fire now. */
  async firing(): Promise<readonly Alert[]> {
    const { alerts } = await this.#api<{ alerts: Alert[] }>("alerts");
    return alerts.filter(({ state }) => state === "firing");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #api<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const query = new URLSearchParams(parameters).toString();
    const { status, text } = await this.#server.get(`/api/v1/${path}?${query}`);
    if (status !== 200) throw new Error(`${path}?${query}: ${status} ${text}`);
    return (JSON.parse(text) as { data: T }).data;
  }
}

/** Starts Prometheus with the edited files of deploy/; it scrapes these targets. */
export async function startPrometheus(options: {
  /** `host:port` */
  readonly targets: readonly string[];
  readonly alertmanager: number;
  readonly config?: readonly Edit[];
  readonly rules?: readonly Edit[];
}): Promise<Prometheus> {
  const { targets, alertmanager, config = [], rules = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-prometheus-"));
  await cp(join(DEPLOY, "prometheus"), folder, { recursive: true });
  const file = join(folder, "prometheus.yml");
  await edit(file, [[/alertmanager:9093/g, `127.0.0.1:${alertmanager}`], ...config]);
  await edit(join(folder, "rules/unitwatch.yml"), rules);
  await writeFile(join(folder, "targets/unitwatch.yml"), stringify([{ targets }]));
  return new Prometheus(
    await startServer(await prometheusCommand(), {
      folder,
      listening: LISTENING,
      args: [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
      ],
    }),
  );
}

export async function prometheusCommand(): Promise<string> {
  const own = globalThis.monitoring?.prometheus;
  return own === undefined ? debianCommand("prometheus", "prometheus") : goProgram(own);
}

/** Starts Alertmanager with the edited files of deploy/; it notifies this URL. */
export async function startAlertmanager(options: {
  readonly webhook: string;
  readonly config?: readonly Edit[];
}): Promise<Server> {
  const { webhook, config = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-alertmanager-"));
  const file = join(folder, "alertmanager.yml");
  await cp(join(DEPLOY, "alertmanager/alertmanager.yml"), file);
  await edit(file, [[/url: http.+/, `url: ${webhook}`], ...config]);
  const [command, ...args] = await alertmanagerCommand();
  return startServer(command, {
    folder,
    listening: LISTENING,
    args: [
      ...args,
      `--config.file=${file}`,
      `--storage.path=${join(folder, "data")}`,
      "--web.listen-address=127.0.0.1:0",
      "--cluster.listen-address=",
    ],
  });
}

/** Path of its templates inside its package, which may be unpacked anywhere. */
async function alertmanagerCommand(): Promise<readonly [string, ...string[]]> {
  const own = globalThis.monitoring?.alertmanager;
  if (own !== undefined) return [await goProgram(own)];
  const name = "prometheus-alertmanager";
  const command = await debianCommand(name, name);
  if (command === name) return [name];
  const share = join(await unpackedPackage(name), "usr/share");
  const user = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const bind = 'mount --bind "$1" /usr/share && shift && exec "$@"';
  return ["unshare", ...user, "--mount", "sh", "-c", bind, "sh", share, command];
}

async function edit(file: string, edits: readonly Edit[]): Promise<void> {
  let text = await readFile(file, "utf8");
  for (const [pattern, replacement] of edits) {
    if (text.search(pattern) < 0) throw new Error(`${file} has no ${pattern}`);
    text = text.replace(pattern, replacement);
  }
  await writeFile(file, text);
}
