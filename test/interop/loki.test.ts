import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { type Server, startServer } from "../support/foreign-server.ts";
import { goProgram } from "../support/go-program.ts";
import { slowMs } from "../support/slowness.ts";
import { startUnitwatch } from "../support/unitwatch.ts";
import { freePorts } from "./collector.ts";
import { LOKI } from "./programs.ts";

// The build of Loki takes this long on two slow processors, the first time.
const BUILD_MS = 2_400_000;
const DOCS = join(import.meta.dirname, "../../docs/otlp.md");
const CLUSTER = "interoploki";
const NODE = `sind-${CLUSTER}-worker-0`;
const UNIT = "talks.service";
const UNIT_FILE = "[Service]\nSyslogIdentifier=talks\nExecStart=sh -c 'echo one line; exit 3'\n";
const LISTENING = /msg="server listening on addresses" http=127\.0\.0\.1:(\d+)/;

jest.setTimeout(slowMs(120_000));

type Labels = Readonly<Record<string, string>>;

/** Entry of Loki: the labels of its stream, its text, and its structured metadata. */
interface Entry {
  readonly labels: Labels;
  readonly text: string;
  readonly metadata: Labels;
}

/** The lines of the documentation for Loki. */
async function documented(): Promise<{ readonly limits_config: object }> {
  const [, yaml = ""] = /^```yaml\n# Loki\n([^]*?)^```$/m.exec(await readFile(DOCS, "utf8")) ?? [];
  return parse(yaml) as { readonly limits_config: object };
}

/** Starts Loki in one process, with its data in a folder of its own. */
async function startLoki(program: string, limits: object): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-loki-"));
  const [grpcPort] = await freePorts(1);
  const address = "127.0.0.1";
  const server = { http_listen_port: 0, grpc_listen_port: grpcPort };
  const period = { index: { prefix: "index_", period: "24h" }, object_store: "filesystem" };
  const config = {
    auth_enabled: false,
    analytics: { reporting_enabled: false },
    server: { ...server, http_listen_address: address, grpc_listen_address: address },
    common: {
      instance_addr: address,
      path_prefix: folder,
      storage: {
        filesystem: {
          chunks_directory: join(folder, "chunks"),
          rules_directory: join(folder, "rules"),
        },
      },
      replication_factor: 1,
      ring: { kvstore: { store: "inmemory" } },
    },
    schema_config: {
      configs: [{ from: "2024-01-01", store: "tsdb", schema: "v13", ...period }],
    },
    ...limits,
  };
  const file = join(folder, "loki.yaml");
  await writeFile(file, stringify(config));
  const loki = await startServer(program, {
    folder,
    listening: LISTENING,
    args: [`-config.file=${file}`],
  });
  await eventually(async () => (await loki.get("/ready")).status === 200, { withinMs: 60_000 });
  return loki;
}

async function query(loki: Server, logQl: string): Promise<readonly Entry[]> {
  const start = String((Date.now() - 600_000) * 1e6);
  const parameters = new URLSearchParams({ query: logQl, start, direction: "forward" });
  const { status, text } = await loki.get(`/loki/api/v1/query_range?${parameters.toString()}`, {
    // Else it shows metadata as labels of the stream.
    headers: { "X-Loki-Response-Encoding-Flags": "categorize-labels" },
  });
  if (status !== 200) throw new Error(`${logQl}: ${status} ${text}`);
  const { data } = JSON.parse(text) as {
    readonly data: {
      readonly result: readonly {
        readonly stream: Labels;
        readonly values: readonly [string, string, { readonly structuredMetadata?: Labels }][];
      }[];
    };
  };
  return data.result.flatMap(({ stream, values }) =>
    values.map(([, line, { structuredMetadata = {} }]) => ({
      labels: stream,
      text: line,
      metadata: structuredMetadata,
    })),
  );
}

describeEngine("Loki", () => {
  const stack = new AsyncDisposableStack();
  let node: TestNode;
  let indexed: Server;
  let plain: Server;

  // The same unit fails for each: with the lines of the documentation, and without.
  beforeAll(async () => {
    const program = await goProgram(LOKI);
    const engine = attachEngine();
    node = stack.use(await startNode(engine, { name: NODE, labels: { "sind.cluster": CLUSTER } }));
    await node.writeUnit(UNIT, UNIT_FILE);
    indexed = stack.use(await startLoki(program, await documented()));
    plain = stack.use(await startLoki(program, {}));
    for (const loki of [indexed, plain]) {
      const unitwatch = stack.use(
        await startUnitwatch({
          host: engine.host,
          cluster: CLUSTER,
          env: {
            OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${loki.port}/otlp/v1/logs`,
            OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "gzip",
          },
        }),
      );
      await unitwatch.untilWatching(1);
    }
    await node.tryExec(["systemctl", "start", UNIT]);
    await node.waitUnit(UNIT, "failed");
  }, BUILD_MS);
  afterAll(() => stack.disposeAsync());

  const failureOf = async (loki: Server, logQl: string): Promise<Entry> => {
    const entries = await eventually(async () => {
      const found = await query(loki, `${logQl} | event_name="systemd.unit.failed"`);
      return found.length > 0 && found;
    });
    expect(entries).toHaveLength(1);
    return entries[0] as Entry;
  };

  test("has container, unit and cluster as labels of the stream with the documented lines", async () => {
    const selector = `{container_name="${NODE}", systemd_unit_name="${UNIT}"}`;
    const { labels, text, metadata } = await failureOf(indexed, selector);
    expect(labels).toMatchObject({
      service_name: "unitwatch",
      container_name: NODE,
      systemd_unit_name: UNIT,
      unitwatch_cluster: CLUSTER,
    });
    expect(text).toBe(`Unit ${UNIT} in ${NODE} failed: exit-code, exit status 3.`);
    expect(metadata).toMatchObject({
      severity_text: "ERROR",
      severity_number: "17",
      container_id: node.id,
      error_type: "exit-code",
      process_exit_code: "3",
      unitwatch_node: "worker-0",
      unitwatch_recovered: "false",
    });
    expect(await query(indexed, `{container_name="other"}`)).toEqual([]);
  });

  test("finds them in the structured metadata without these lines", async () => {
    const filter = `{service_name="unitwatch"} | systemd_unit_name="${UNIT}"`;
    const { labels, metadata } = await failureOf(plain, filter);
    expect(labels).not.toHaveProperty("systemd_unit_name");
    expect(metadata).toMatchObject({ systemd_unit_name: UNIT, container_name: NODE });
    expect(await query(plain, `{systemd_unit_name="${UNIT}"}`)).toEqual([]);
    // The same query works with the lines too.
    await failureOf(indexed, filter);
  });

  test.each([
    ["with", () => indexed],
    ["without", () => plain],
  ])("finds the last lines of the run as deploy/README.md says, %s these lines", async (_, of) => {
    const logQl = `{service_name="unitwatch"} | event_name="systemd.journal" | systemd_unit_name="${UNIT}"`;
    await eventually(async () => {
      const texts = (await query(of(), logQl)).map(({ text }) => text);
      expect(texts).toContain("one line");
      expect(texts.at(-1)).toBe(`${UNIT}: Failed with result 'exit-code'.`);
    });
  });
});
