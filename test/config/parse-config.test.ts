import { expect, test } from "@jest/globals";
import type { Config } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { Environment } from "../../src/config/flag/settings.ts";

function configOf(argv: readonly string[], env: Environment = {}): Config {
  const parsed = parseConfig(argv, env);
  if (parsed.kind === "exit") throw new Error(parsed.stderr ?? parsed.stdout);
  return parsed.config;
}

/** Returns the error line of a rejected configuration, without its prefix. */
function errorOf(argv: readonly string[], env: Environment = {}): string {
  const parsed = parseConfig(argv, env);
  if (parsed.kind !== "exit" || parsed.code !== 2) throw new Error("not rejected");
  expect(parsed.stdout).toBeUndefined();
  expect(parsed.stderr).toMatch(/^unitwatch: error: [^\n]+\n$/);
  return parsed.stderr?.slice("unitwatch: error: ".length, -1) ?? "";
}

test("has the defaults of the contract", () => {
  expect(configOf([])).toEqual({
    containers: { stats: false },
    web: {
      listenAddresses: [{ host: undefined, port: 10_558 }],
      telemetryPath: "/metrics",
      configFile: undefined,
    },
    docker: { host: undefined, runtime: "auto", command: "docker" },
    watch: { filters: [] },
    node: { namePrefix: undefined },
    systemd: {
      transport: "auto",
      host: false,
      hostBus: undefined,
      users: false,
      unitInclude: /^(?:.+)$/u,
      unitExclude: /^(?:.+\.(automount|device|mount|scope|slice|swap))$/u,
    },
    metrics: { seriesLimit: 200_000, collect: ["timers", "sockets"], retentionMs: 300_000 },
    otlp: {
      logs: undefined,
      metrics: undefined,
      metricPush: { intervalMs: 60_000, timeoutMs: 60_000, temporality: "cumulative" },
      serviceName: "unitwatch",
      resourceAttributes: [],
    },
    storage: { path: "data", queueBytes: 268_435_456 },
    journal: { records: "failures", lines: 20, redact: [] },
    log: { level: "info", format: "logfmt" },
    logChanges: "trouble",
  });
});

test("prefers a flag to its variable, and the variable to the default", () => {
  const env = { UNITWATCH_LOG_LEVEL: "debug", UNITWATCH_LOG_FORMAT: "json" };
  expect(configOf(["--log.level=warn"], env).log).toEqual({ level: "warn", format: "json" });
  expect(configOf(["--log.level", "error"], env).log.level).toBe("error");
});

test("ignores an invalid variable when its flag is given", () => {
  expect(configOf(["--log.level=warn"], { UNITWATCH_LOG_LEVEL: "?" }).log.level).toBe("warn");
});

test("reads the size of the queue from the flag and the variable", () => {
  expect(configOf([]).storage.queueBytes).toBe(256 * 2 ** 20);
  expect(configOf([], { UNITWATCH_OTLP_QUEUE_BYTES: "1GiB" }).storage.queueBytes).toBe(2 ** 30);
  const env = { UNITWATCH_OTLP_QUEUE_BYTES: "1GiB" };
  expect(configOf(["--otlp.queue-bytes=64KiB"], env).storage.queueBytes).toBe(65_536);
});

test("ignores an empty variable, except for the storage path, where it means in memory", () => {
  expect(configOf([], { UNITWATCH_LOG_LEVEL: "" }).log.level).toBe("info");
  expect(configOf([], { UNITWATCH_STORAGE_PATH: "" }).storage.path).toBeUndefined();
  expect(configOf(["--storage.path="]).storage.path).toBeUndefined();
  expect(configOf(["--storage.path", ""]).storage.path).toBeUndefined();
  expect(configOf(["--storage.path=/x"], { UNITWATCH_STORAGE_PATH: "" }).storage.path).toBe("/x");
});

test("ignores variables that belong to no flag, such as those that Kubernetes sets", () => {
  const env = {
    UNITWATCH_PORT: "tcp://10.0.0.1:10558",
    UNITWATCH_VERSION: "1",
    UNITWATCH_HELP: "",
  };
  expect(parseConfig([], env).kind).toBe("run");
});

test("reads several addresses from flags or from the variable", () => {
  const both = [
    { host: undefined, port: 1 },
    { host: "::1", port: 2 },
  ];
  expect(
    configOf(["--web.listen-address=:1", "--web.listen-address", "[::1]:2"]).web.listenAddresses,
  ).toEqual(both);
  for (const text of [":1,[::1]:2", " :1 , [::1]:2,", ":1\n[::1]:2\r\n"]) {
    expect(configOf([], { UNITWATCH_WEB_LISTEN_ADDRESS: text }).web.listenAddresses).toEqual(both);
  }
  expect(configOf([], { UNITWATCH_WEB_LISTEN_ADDRESS: " , " }).web.listenAddresses).toHaveLength(1);
});

test("splits the variable of filters at newlines, not at commas", () => {
  expect(configOf([], { UNITWATCH_WATCH_FILTER: "label=a=1,2\nname=b" }).watch.filters).toEqual([
    "label=a=1,2",
    "name=b",
  ]);
});

test("appends the cluster to the filters", () => {
  expect(configOf(["--watch.cluster=dev", "--watch.filter=name=x"]).watch.filters).toEqual([
    "name=x",
    "label=sind.cluster=dev",
  ]);
});

test("takes the engine's host from DOCKER_HOST when flag and variable are absent", () => {
  const env = { DOCKER_HOST: "tcp://a:1" };
  expect(configOf([], env).docker.host).toBe("tcp://a:1");
  expect(configOf([], { ...env, UNITWATCH_DOCKER_HOST: "tcp://b:1" }).docker.host).toBe(
    "tcp://b:1",
  );
  expect(configOf([], { ...env, UNITWATCH_DOCKER_HOST: "" }).docker.host).toBe("tcp://a:1");
  expect(configOf(["--docker.host=ssh://c"], env).docker.host).toBe("ssh://c");
});

test("strips nothing when the name prefix is empty, and uses labels when it is absent", () => {
  expect(configOf(["--node.name-prefix="]).node.namePrefix).toBe("");
  expect(configOf(["--node.name-prefix=dev-"]).node.namePrefix).toBe("dev-");
  expect(configOf([], { UNITWATCH_NODE_NAME_PREFIX: "" }).node.namePrefix).toBeUndefined();
});

test("freezes the whole configuration", () => {
  const config = configOf([], { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a" });
  const check = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    expect(Object.isFrozen(value)).toBe(true);
    Object.values(value).forEach(check);
  };
  check(config);
});

test.each([
  [["--log.level=loud"], '--log.level: expected debug, info, warn or error, got "loud"'],
  [["--log.level", "loud"], '--log.level: expected debug, info, warn or error, got "loud"'],
  [["--docker.runtime=api"], '--docker.runtime: expected auto, engine, cli or proc, got "api"'],
  [["--systemd.transport=x"], /^--systemd\.transport: expected auto, .*busctl or off, got "x"$/],
  [["--journal.records=some"], '--journal.records: expected off, failures or all, got "some"'],
  [["--journal.lines=101"], '--journal.lines: expected a whole number from 1 to 100, got "101"'],
  [
    ["--journal.redact=a", "--journal.redact=("],
    /^--journal\.redact: expected a regular expression \(/,
  ],
  [
    ["--journal.redact=x*"],
    /^--journal\.redact: expected .* doesn't match an empty text, got "x\*"$/,
  ],
  [["--metrics.retention=soon"], /^--metrics\.retention: expected a duration .*, got "soon"$/],
  [["--otlp.queue-bytes=many"], /^--otlp\.queue-bytes: expected a size such as .*, got "many"$/],
  [["--otlp.queue-bytes=0"], '--otlp.queue-bytes: expected a size of at least 4KiB, got "0"'],
  [["--otlp.interval=0"], /^--otlp\.interval: expected a duration longer than 0, got "0"$/],
  [["--otlp.metrics=yes"], /^--otlp\.metrics: expected on or off, got "yes"$/],
  [
    ["--systemd.collect=timers,disks"],
    /^--systemd\.collect: expected none, or some of timers, sockets, .*, info, separated by commas, got "timers,disks"$/,
  ],
  [["--systemd.collect=none,cpu"], /^--systemd\.collect: expected none, or some of/],
  [["--metrics.series-limit=0"], /^--metrics\.series-limit: expected a whole number from 1/],
  [["--web.listen-address=:1", "--web.listen-address=x"], /^--web\.listen-address: .* got "x"$/],
  [["--web.telemetry-path=/-/ready"], /^--web\.telemetry-path: expected a path other than/],
  [["--log.level"], "--log.level: expected a value, as in --log.level=LEVEL"],
  [["--log.level", "--help"], "--log.level: expected a value, as in --log.level=LEVEL"],
  [["--log.level="], /^--log\.level: expected .*, got ""$/],
  [["--log.level=info", "--log.level=info"], /^--log\.level: expected once.*cannot be repeated$/],
  [["--docker.command="], /^--docker\.command: expected the name or path of a command/],
  [
    ["--docker.command", "docker --debug"],
    /^--docker\.command: expected the name or path of a command, without arguments, got "docker --debug"$/,
  ],
  [["--docker.command=docker\tps"], /^--docker\.command: expected the name or path of a command/],
  [["--check-config=true"], "--check-config: expected no value"],
  [
    ["--log.levle=x"],
    "unknown flag --log.levle: expected one that --help lists, such as --log.level",
  ],
  [
    ["-log.level=x"],
    "unknown flag -log.level: expected one that --help lists, such as --log.level",
  ],
  [["--otlp.headers=secret"], /^unknown flag --otlp\.headers: expected one that --help lists/],
  [["--__proto__=x"], /^unknown flag --__proto__: /],
  [["--"], 'unexpected argument "--": expected only flags'],
  [["-"], 'unexpected argument "-": expected only flags'],
  [[""], 'unexpected argument "": expected only flags'],
  [["run"], 'unexpected argument "run": expected only flags'],
  [["a\nb\u001B[2J"], String.raw`unexpected argument "a\nb\u001b[2J": expected only flags`],
  [["--a\nb"], String.raw`unknown flag --a\nb: expected one that --help lists`],
])("rejects %j", (argv, line) => {
  const actual = errorOf(argv);
  if (typeof line === "string") expect(actual).toBe(line);
  else expect(actual).toMatch(line);
});

test("rejects the engine runtime when the host is ssh", () => {
  const line =
    "--docker.runtime=engine: expected a --docker.host with unix:// or tcp://, ssh:// requires --docker.runtime=cli";
  expect(errorOf(["--docker.runtime=engine", "--docker.host=ssh://h"])).toBe(line);
  expect(errorOf(["--docker.runtime=engine"], { DOCKER_HOST: "ssh://h" })).toBe(line);
  expect(configOf(["--docker.runtime=cli", "--docker.host=ssh://h"]).docker.runtime).toBe("cli");
});

test("reads the runtime under both names of its flag, a flag before a variable", () => {
  const runtimeOf = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    configOf(argv, env).docker.runtime;
  expect(runtimeOf(["--runtime=proc"])).toBe("proc");
  expect(runtimeOf(["--docker.runtime=proc"])).toBe("proc");
  expect(runtimeOf([], { UNITWATCH_RUNTIME: "cli" })).toBe("cli");
  expect(runtimeOf([], { UNITWATCH_DOCKER_RUNTIME: "cli" })).toBe("cli");
  expect(runtimeOf(["--docker.runtime=cli"], { UNITWATCH_RUNTIME: "engine" })).toBe("cli");
  expect(runtimeOf(["--runtime=cli"], { UNITWATCH_DOCKER_RUNTIME: "engine" })).toBe("cli");
  expect(errorOf(["--runtime=cli", "--docker.runtime=engine"])).toBe(
    "--docker.runtime=engine: expected cli as of --runtime, whose older name it is",
  );
});

test("rejects what needs an engine or a command with the runtime proc", () => {
  expect(errorOf(["--runtime=proc", "--systemd.transport=dbus"])).toBe(
    "--systemd.transport=dbus: expected auto, socket or off with --runtime=proc, which runs no command in containers",
  );
});

test("clips a long value in the error", () => {
  expect(errorOf([`--log.level=${"x".repeat(10_000)}`]).length).toBeLessThan(200);
});

test("names the invalid variable", () => {
  expect(errorOf([], { UNITWATCH_METRICS_RETENTION: "1 day" })).toMatch(
    /^UNITWATCH_METRICS_RETENTION: expected a duration .*, got "1 day"$/,
  );
  expect(errorOf([], { DOCKER_HOST: "npipe://x" })).toMatch(/^DOCKER_HOST: expected unix:/);
});

test("does not repeat the host when it is invalid, because it may hold a password", () => {
  expect(errorOf(["--docker.host=ssh://me:hunter2@host"])).not.toContain("hunter2");
});

test("exits at once when --help or --version is given", () => {
  for (const argv of [["--help"], ["-h"], ["--help", "--bad"], ["--log.level=bad", "--help"]]) {
    const parsed = parseConfig(argv, { UNITWATCH_LOG_LEVEL: "bad" });
    expect(parsed).toMatchObject({ kind: "exit", code: 0 });
    expect(parsed).toHaveProperty("stdout", expect.stringMatching(/^usage: unitwatch/));
    expect(parsed).not.toHaveProperty("stderr");
  }
  const version = parseConfig(["--version"], {});
  expect(version).toMatchObject({ kind: "exit", code: 0 });
  expect(version).toHaveProperty(
    "stdout",
    expect.stringMatching(/^unitwatch \d+\.\d+\.\d+ \(revision: .*\)\n {2}node version: +v\d+/),
  );
});

test("checks the configuration when --check-config is given", () => {
  expect(parseConfig(["--check-config", "--web.config.file=web.yml"], {})).toMatchObject({
    kind: "check",
    config: { web: { configFile: "web.yml" } },
  });
  expect(errorOf(["--check-config", "--log.level=bad"])).toMatch(/^--log\.level: /);
});
