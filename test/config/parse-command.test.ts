import { describe, expect, test } from "@jest/globals";
import type { EventsConfig, WaitConfig } from "../../src/config/config.ts";
import { commandHelp, helpText, usage } from "../../src/config/help.ts";
import { COMMANDS } from "../../src/config/commands.ts";
import type { Command } from "../../src/config/commands.ts";
import { FLAGS } from "../../src/config/flags.ts";
import { parseCommandLine } from "../../src/config/parse-command.ts";
import type { Environment } from "../../src/config/flag/settings.ts";

function waitConfigOf(argv: readonly string[], env: Environment = {}): WaitConfig {
  const parsed = parseCommandLine(["wait", ...argv], env);
  if (parsed.kind !== "wait") throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

function eventsConfigOf(argv: readonly string[], env: Environment = {}): EventsConfig {
  const parsed = parseCommandLine(["events", ...argv], env);
  if (parsed.kind !== "events") throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

/** Returns the error line of a rejected command line, without its prefix. */
function errorOf(argv: readonly string[], env: Environment = {}): string {
  const parsed = parseCommandLine(argv, env);
  if (parsed.kind !== "exit" || parsed.code !== 2) throw new Error("not rejected");
  expect(parsed.stdout).toBeUndefined();
  const [, line] =
    /^(unitwatch(?: wait| events| status| completion| help)?: error: [^\n]+)\n$/.exec(
      parsed.stderr ?? "",
    ) ?? [];
  if (line === undefined) throw new Error(`not one line: ${parsed.stderr}`);
  return line.replace(/^unitwatch.*?: error: /, "");
}

const commands: readonly Command[] = Object.values(COMMANDS);

test("runs the sidecar when there is no command", () => {
  expect(parseCommandLine([], {}).kind).toBe("run");
  expect(parseCommandLine(["--check-config"], {}).kind).toBe("check");
  expect(errorOf([""])).toBe('unexpected argument "": expected only flags');
  expect(errorOf(["--log.level=info", "wait"])).toBe(
    'unexpected argument "wait": expected only flags',
  );
});

test.each([["help"], ["help", "help"], ["help", "--help"], ["--help"]])(
  "shows the help of unitwatch for %s",
  (...argv) => {
    expect(parseCommandLine(argv, {})).toEqual({ kind: "exit", code: 0, stdout: helpText() });
  },
);

test.each(commands)("shows the help of $name", (command) => {
  const shown = { kind: "exit", code: 0, stdout: commandHelp(command) };
  expect(parseCommandLine(["help", command.name], {})).toEqual(shown);
  expect(parseCommandLine([command.name, "--help"], {})).toEqual(shown);
});

test.each([
  [["help", "wiat"], 'unknown command "wiat": expected one that --help lists, such as wait'],
  [["help", "wait", "--unit"], 'unexpected argument "--unit": expected one command'],
  [["status", "a", "b", "c"], 'unexpected argument "c": expected at most CONTAINER and UNIT'],
  [["status", "a/b"], 'CONTAINER: expected the name or id of a container, got "a/b"'],
  [["status", "a", "b*"], /^UNIT: expected the name of a unit, .*, got "b\*"$/],
  [["status", "--url=ftp://x"], /^--url: expected http:\/\/HOST:PORT or .*, or none$/],
  [["hlep"], 'unknown command "hlep": expected one that --help lists, such as help'],
  [["wiat"], 'unknown command "wiat": expected one that --help lists, such as wait'],
  [["event"], 'unknown command "event": expected one that --help lists, such as events'],
  [["run"], 'unknown command "run": expected one that --help lists'],
  [["__proto__"], 'unknown command "__proto__": expected one that --help lists'],
  [["a\u001B[2J"], String.raw`unknown command "a\u001b[2J": expected one that --help lists`],
  [
    ["wait"],
    "nothing to wait for: expected --container, --watch.filter, --watch.cluster or --host",
  ],
  [["wait", "--host"], "--host: expected --unit or --system with it"],
  [
    ["wait", "--host", "--unit=a", "--health=healthy"],
    "--health: expected --container or a filter with it, the host has none",
  ],
  [["wait", "a"], 'unexpected argument "a": expected only flags'],
  [
    ["wait", "--contaner=a"],
    "unknown flag --contaner: expected one that unitwatch wait --help lists, such as --container",
  ],
  [
    ["wait", "--web.listen-address=:1"],
    "unknown flag --web.listen-address: expected one that unitwatch wait --help lists",
  ],
  [["wait", "--container=-x"], '--container: expected the name or id of a container, got "-x"'],
  [["wait", "--container=a*"], '--container: expected the name or id of a container, got "a*"'],
  [["wait", "--container=a/b"], '--container: expected the name or id of a container, got "a/b"'],
  [
    ["wait", "--container=a", "--unit=b=actve"],
    '--unit: expected active, activating, deactivating, failed, inactive, reloading, refreshing or maintenance, got "b=actve"',
  ],
  [["wait", "--container=a", "--unit=b="], /^--unit: expected active, .*, got "b="$/],
  [
    ["wait", "--container=a", "--unit=b*"],
    /^--unit: expected NAME or .*without patterns, got "b\*"$/,
  ],
  [["wait", "--container=a", "--unit==active"], /^--unit: expected NAME or .*, got "=active"$/],
  [["wait", "--container=a", `--unit=${"b".repeat(256)}`], /^--unit: expected NAME or /],
  [
    ["wait", "--container=a", "--unit=b", "--unit=c", "--unit=b.service=inactive,failed"],
    "--unit: b.service can't be in several states at once, expected b.service=active,inactive,failed for any of them",
  ],
  [
    ["wait", "--container=a", ...Array.from({ length: 1_001 }, (_, n) => `--unit=${n}`)],
    "--unit: given 1001 times, expected at most 1000",
  ],
  [
    ["events", ...Array.from({ length: 1_001 }, (_, n) => `--unit=${n}`)],
    "--unit: given 1001 times, expected at most 1000",
  ],
  [["wait", "--container=a", "--system=up"], /^--system: expected initializing, .*, got "up"$/],
  [
    ["wait", "--container=a", "--health=well"],
    '--health: expected starting, healthy or unhealthy, got "well"',
  ],
  [
    ["wait", "--container=a", "--timeout=60"],
    '--timeout: expected a duration longer than 0 and up to 10y, such as 60s or 1m30s, or none, got "60"',
  ],
  [["wait", "--container=a", "--timeout=99999999h"], /^--timeout: expected .* up to 10y,/],
  [["wait", "--container=a", "--timeout=0"], /^--timeout: expected a duration longer than 0/],
  [["wait", "--container=a", "--quiet=yes"], "--quiet: expected no value"],
  [
    ["wait", "--container=a", "--unit=b", "--systemd.transport=off"],
    "--unit: expected a --systemd.transport other than off with it",
  ],
  [["events", "--container=a b"], /^--container: expected .* or a pattern .*, got "a b"$/],
  [["wait", "--container=a", "--unit=a/b.service"], /^--unit: expected NAME or NAME=STATE, .*"$/],
  [["events", "--unit=[a]"], /^--unit: expected the name of a unit, or a pattern .*"\[a\]"$/],
  [["events", `--unit=${"\u00E9".repeat(63)}`], /^--unit: expected the name of a unit, /],
  [
    ["events", "--kind=unit.faild"],
    '--kind: expected a kind of event, such as unit.failed, or container.*, unit.*, system.*, monitor.*, got "unit.faild"',
  ],
  [["events", "--timeout=1s"], /^unknown flag --timeout: expected one that unitwatch events/],
])("rejects %j", (argv, line) => {
  const actual = errorOf(argv);
  if (typeof line === "string") expect(actual).toBe(line);
  else expect(actual).toMatch(line);
});

test("accepts a unit twice when one state satisfies both conditions", () => {
  const args = ["--container=a", "--unit=b=active,failed", "--unit=b=failed,inactive"];
  expect(waitConfigOf(args).units).toHaveLength(2);
  expect(waitConfigOf(["--container=a", "--unit=b", "--unit=b"]).units).toHaveLength(2);
});

test("begins a command's error with the command's name", () => {
  expect(parseCommandLine(["wait"], {})).toHaveProperty(
    "stderr",
    expect.stringMatching(/^unitwatch wait: error: nothing to wait for/),
  );
});

test.each([
  [["--unit=a", "--container=b"], "none"],
  [["--unit=a", "--container=b", "--host"], "too"],
  [["--unit=a", "--watch.cluster=c", "--host"], "too"],
  [["--unit=a", "--host", "--systemd.transport=off"], "alone"],
])("reads whether the host is waited for from %j", (argv, host) => {
  expect(waitConfigOf(argv)).toMatchObject({ host });
});

test("reads every condition of wait", () => {
  const config = waitConfigOf([
    "--container=a",
    "--container",
    "b",
    "--unit=slurmctld",
    "--unit",
    "x.timer=inactive,failed",
    String.raw`--unit=a\x2db@\x22x\x22.service=active`,
    "--system=running,degraded",
    "--health=healthy",
    "--timeout=1m30s",
    "--keep-waiting",
    "--quiet",
  ]);
  expect(config).toMatchObject({
    containers: ["a", "b"],
    units: [
      { unit: "slurmctld.service", states: ["active"] },
      { unit: "x.timer", states: ["inactive", "failed"] },
      { unit: String.raw`a\x2db@\x22x\x22.service`, states: ["active"] },
    ],
    system: ["running", "degraded"],
    health: ["healthy"],
    timeoutMs: 90_000,
    keepWaiting: true,
    quiet: true,
  });
  expect(Object.isFrozen(config.units[0])).toBe(true);
});

test("limits wait to five minutes unless --timeout is given", () => {
  expect(waitConfigOf(["--container=a"])).toMatchObject({
    units: [],
    timeoutMs: 300_000,
    lines: 10,
    journal: { redact: [] },
    keepWaiting: false,
    quiet: false,
  });
  expect(waitConfigOf(["--container=a", "--timeout=none"]).timeoutMs).toBeUndefined();
});

test("lets wait run with a filter and no container", () => {
  expect(waitConfigOf(["--watch.cluster=dev"]).containers).toEqual([]);
});

test("reads patterns, and kinds one by one, by commas and by groups", () => {
  const config = eventsConfigOf([
    "--container=dev-*",
    "--unit=slurm*",
    "--unit=sshd",
    "--kind=unit.failed,system.*",
    "--kind=container.die",
    "--json",
  ]);
  expect(config).toMatchObject({
    containers: ["dev-*"],
    units: ["slurm*", "sshd.service"],
    kinds: ["unit.failed", "system.state", "system.soft_reboot", "container.die"],
    json: true,
  });
  expect(eventsConfigOf([])).toMatchObject({
    containers: [],
    units: [],
    kinds: [],
    json: false,
  });
});

test("escapes unit names as systemctl does", () => {
  const odd = String.raw`a\x2db@"x".service`;
  const escaped = String.raw`a\x2db@\x22x\x22.service`;
  const { units } = waitConfigOf(["--container=a", `--unit=${odd}=failed`, "--unit=caf\u00E9"]);
  expect(units).toEqual([
    { unit: escaped, states: ["failed"] },
    { unit: String.raw`caf\xc3\xa9.service`, states: ["active"] },
  ]);
  expect(eventsConfigOf([`--unit=${odd}`, "--unit=caf\u00E9*"]).units).toEqual([
    escaped,
    String.raw`caf\xc3\xa9*`,
  ]);
});

test("requires the name of a shell for completion", () => {
  expect(parseCommandLine(["completion", "zsh"], {})).toEqual({ kind: "completion", shell: "zsh" });
  expect(errorOf(["completion"])).toBe("expected bash, zsh or fish, as in completion bash");
  expect(errorOf(["completion", "tcsh"])).toBe('SHELL: expected bash, zsh or fish, got "tcsh"');
  expect(errorOf(["completion", "zsh", "fish"])).toBe(
    'unexpected argument "fish": expected only flags',
  );
});

test("reads variables only for the flags that a command shares with the sidecar", () => {
  const env = {
    DOCKER_HOST: "tcp://a:1",
    UNITWATCH_LOG_LEVEL: "debug",
    UNITWATCH_WATCH_CLUSTER: "dev",
    UNITWATCH_METRICS_RETENTION: "bad",
    UNITWATCH_SYSTEMD_UNIT_EXCLUDE: "(",
    UNITWATCH_TIMEOUT: "1s",
    UNITWATCH_UNIT: "a",
  };
  expect(waitConfigOf([], env)).toMatchObject({
    docker: { host: "tcp://a:1" },
    watch: { filters: ["label=sind.cluster=dev"] },
    log: { level: "debug" },
    units: [],
    timeoutMs: 300_000,
  });
  expect(errorOf(["events"], env)).toMatch(/^UNITWATCH_SYSTEMD_UNIT_EXCLUDE: expected /);
  expect(errorOf(["wait"], { UNITWATCH_LOG_LEVEL: "loud" })).toMatch(/^UNITWATCH_LOG_LEVEL: /);
});

describe.each(commands.map((command) => [command.name, command] as const))(
  "%s",
  (name, command) => {
    test("prints help with all flags, exit codes and examples in lines of at most 80 columns", () => {
      const bad = command.shared.includes("logLevel") ? ["--log.level=bad"] : [];
      for (const argv of [["--help"], ["-h"], [...bad, "--help"]]) {
        expect(parseCommandLine([name, ...argv], {})).toEqual({
          kind: "exit",
          code: 0,
          stdout: commandHelp(command),
        });
      }
      const help = commandHelp(command);
      expect(help.split("\n")[0]).toBe(`usage: ${usage(command)}`);
      expect(usage(command)).toMatch(new RegExp(`^unitwatch ${name} .*\\[flags\\]$`));
      for (const flag of [
        ...Object.values(command.flags),
        ...command.shared.map((k) => FLAGS[k]),
      ]) {
        expect(help).toContain(`\n  --${flag.name}=${flag.hint}\n`);
      }
      for (const each of Object.keys(command.switches)) expect(help).toContain(`\n  --${each}\n`);
      for (const { code } of command.exitCodes) expect(help).toContain(`\n  ${code} `);
      const examples = new Set(command.examples.map(({ line }) => line));
      for (const line of help.split("\n")) {
        if (!examples.has(line.trim())) expect(line.length).toBeLessThanOrEqual(80);
      }
    });

    test("accepts its own examples", () => {
      for (const { line } of command.examples) {
        const [program, ...argv] = line
          .replace(/ [|>].*/, "")
          .replaceAll("'", "")
          .split(" ");
        expect(program).toBe("unitwatch");
        expect(parseCommandLine(argv, {}).kind).toBe(name);
      }
    });

    test("has no two flags with one name", () => {
      const names = [
        ...Object.values(command.flags).map((flag) => flag.name),
        ...Object.keys(command.switches),
        ...command.shared.map((key) => FLAGS[key].name),
      ];
      expect(new Set(names).size).toBe(names.length);
      for (const each of names) expect(each).toMatch(/^[a-z]+(?:[.-][a-z]+)*$/);
    });
  },
);
