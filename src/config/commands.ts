import { HEALTH_STATUSES } from "../domain/container.ts";
import { EventKind } from "../domain/event.ts";
import { MAX_LINES } from "../domain/journal.ts";
import { SYSTEM_STATES } from "../domain/systemd.ts";
import {
  containerName,
  containerPattern,
  eventKinds,
  timeLimit,
  unitCondition,
  unitPattern,
  unitwatchUrl,
} from "./flag/command-values.ts";
import { repeated, single, optional } from "./flag/flag.ts";
import type { Completes } from "./flag/flag.ts";
import type { FLAGS } from "./flags.ts";
import { anyOf, intervalMs, wholeNumber } from "./flag/scalars.ts";
import type { FlagTable } from "./flag/settings.ts";

/** One command. Parsing, help, completion and documentation are made from these rows. */
export interface Command {
  /** The first word of the command line. */
  readonly name: string;
  /** Imperative sentence without its full stop. */
  readonly summary: string;
  /** Paragraphs without markup. */
  readonly description: readonly string[];
  /** Required word after the name; absent if the command takes none. */
  readonly argument?: { readonly hint: string; readonly words: readonly string[] };
  /** Words that may be among the flags, in their order; absent if the command takes none. */
  readonly operands?: readonly { readonly hint: string; readonly completes?: Completes }[];
  /** Flags that only this command has, in the order of help. They have no variables. */
  readonly flags: FlagTable;
  /** Flags without a value, with their help. */
  readonly switches: Readonly<Record<string, string>>;
  /** Keys in FLAGS of the flags that the sidecar has too, variables included. */
  readonly shared: readonly (keyof typeof FLAGS)[];
  readonly exitCodes: readonly { readonly code: string; readonly meaning: string }[];
  /** `line` is a whole command line. */
  readonly examples: readonly { readonly what: string; readonly line: string }[];
}

const ENGINE_FLAGS = [
  "runtime",
  "dockerHost",
  "dockerRuntime",
  "dockerCommand",
  "watchFilters",
  "watchCluster",
] as const;
const LOG_FLAGS = ["logLevel", "logFormat"] as const;
const HELP = { help: "Show this help and exit." } as const;
const BY_SIGNAL = { code: "128+N", meaning: "Ended by signal N, such as 130 for SIGINT." } as const;
const BAD_USAGE = {
  code: "2",
  meaning: "A flag or variable is invalid; one line on stderr names it.",
} as const;

/** Shells that `unitwatch completion` supports. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** All commands, in the order of help. */
export const COMMANDS = {
  wait: {
    name: "wait",
    summary: "Wait until containers and their units reach a state",
    description: [
      "Exits with 0 as soon as every condition holds. It watches the engine itself, without polling; no other unitwatch needs to run.",
      "Every condition must hold in every named container, and each container must be running. Without --container or --host, --watch.filter or --watch.cluster is needed: the containers are those that match; at least one must match.",
      "Exits with 1 at the time limit, or earlier if a condition can no longer hold: a container was removed, exited or is unhealthy, it lacks the systemd or the health check that a condition needs, a unit failed, or systemd is degraded or in maintenance, unless a condition names that state. Such a state must last for a second, because restarts pass through it. With --keep-waiting only the time limit counts.",
      "It also waits for a container that does not exist yet, for an engine that is unreachable and for a unit that systemd has not loaded. As in systemctl, such a unit is inactive. A name can be an alias, such as default.target: it is resolved in each container.",
    ],
    flags: {
      containers: repeated({
        name: "container",
        hint: "NAME",
        defaultText: "",
        help: "Container to wait for, by name or id.",
        separator: "comma",
        completes: "container",
        parse: containerName,
      }),
      units: repeated({
        name: "unit",
        hint: "NAME[=STATE]",
        defaultText: "",
        help: "Unit and its ActiveState: active (the default), inactive, failed, activating, deactivating, reloading, refreshing or maintenance, or several separated by commas. A name without a type is a service; names are escaped as in systemctl. A name, not a pattern, can be an alias.",
        separator: "newline",
        parse: unitCondition,
      }),
      system: optional({
        name: "system",
        hint: "STATE",
        defaultText: "",
        help: "State of systemd as shown by systemctl is-system-running, such as running or degraded, or several separated by commas.",
        completes: { anyOf: SYSTEM_STATES },
        parse: anyOf(SYSTEM_STATES),
      }),
      health: optional({
        name: "health",
        hint: "STATUS",
        defaultText: "",
        help: "Status of the container's health check: healthy, unhealthy or starting, or several separated by commas.",
        completes: { anyOf: HEALTH_STATUSES },
        parse: anyOf(HEALTH_STATUSES),
      }),
      timeoutMs: single({
        name: "timeout",
        hint: "DURATION",
        defaultText: "5m",
        help: "Time limit, such as 60s or 1m30s, or none.",
        parse: timeLimit,
      }),
      lines: single({
        name: "lines",
        hint: "NUMBER",
        defaultText: "10",
        help: "Lines of the journal to print about each unit that is not in its state at the end, as systemctl status does; 0 prints none.",
        parse: wholeNumber(0, MAX_LINES),
      }),
    },
    switches: {
      "keep-waiting": "Keep waiting until the time limit even if a condition can no longer hold.",
      host: "Wait for the host's own systemd too: --unit and --system must hold for it as well. If no container is named or filtered, they hold for the host alone, and no engine is needed.",
      quiet: "Print nothing; only set the exit code.",
      ...HELP,
    },
    shared: [...ENGINE_FLAGS, "systemdTransport", "journalRedact", ...LOG_FLAGS],
    exitCodes: [
      { code: "0", meaning: "Every condition holds." },
      {
        code: "1",
        meaning:
          "The time limit passed, or a condition can no longer hold; stderr has a line for each condition that does not hold, with the result and the last lines of its unit.",
      },
      BAD_USAGE,
      BY_SIGNAL,
    ],
    examples: [
      {
        what: "Wait until a node is up, its controller runs and no unit failed:",
        line: "unitwatch wait --container sind-dev-controller --unit slurmctld.service=active --system running --timeout 60s",
      },
      {
        what: "Wait until all nodes of a cluster are up, even if units failed:",
        line: "unitwatch wait --watch.cluster dev --system running,degraded --keep-waiting",
      },
      {
        what: "Wait until a service of the host itself runs:",
        line: "unitwatch wait --host --unit nginx --timeout 60s",
      },
      {
        what: "Wait until a database is healthy:",
        line: "unitwatch wait --container db --health healthy --timeout 2m",
      },
    ],
  },
  events: {
    name: "events",
    summary: "Print events of containers and their units as they happen",
    description: [
      "Prints one line for each change until it is stopped. It watches the engine itself; no other unitwatch needs to run. States from before the start are not printed.",
      "Up to 10,000 changes are buffered while output is slow; beyond that the oldest are dropped and their number is reported on stderr.",
    ],
    flags: {
      containers: repeated({
        name: "container",
        hint: "NAME",
        defaultText: "",
        help: "Print only events of this container, by name, id or name pattern such as dev-*.",
        separator: "comma",
        completes: "container",
        parse: containerPattern,
      }),
      units: repeated({
        name: "unit",
        hint: "NAME",
        defaultText: "",
        help: "Print only events of this unit, by name or pattern such as slurm*.service; --systemd.unit-include and --systemd.unit-exclude are ignored. A name without a type is a service; names are escaped as in systemctl.",
        separator: "newline",
        parse: unitPattern,
      }),
      kinds: repeated({
        name: "kind",
        hint: "KIND",
        defaultText: "",
        help: "Print only events of this kind, such as unit.failed, or of a group: container.*, unit.*, system.* or monitor.*; several are separated by commas.",
        separator: "newline",
        completes: { anyOf: Object.values(EventKind) },
        parse: eventKinds,
      }),
    },
    switches: {
      json: "Print each change as a JSON object, as /api/v1/events does.",
      ...HELP,
    },
    shared: [
      ...ENGINE_FLAGS,
      "nodeNamePrefix",
      "systemdTransport",
      "systemdHost",
      "systemdUsers",
      "unitInclude",
      "unitExclude",
      ...LOG_FLAGS,
    ],
    exitCodes: [
      { code: "0", meaning: "The process that reads the output closed it, as head does." },
      {
        code: "1",
        meaning: "Output can't be written, or the configuration names no usable way to the engine.",
      },
      BAD_USAGE,
      BY_SIGNAL,
    ],
    examples: [
      { what: "Print all events:", line: "unitwatch events" },
      {
        what: "Print failures and restarts of a cluster's services:",
        line: "unitwatch events --watch.cluster dev --kind unit.failed,unit.restart",
      },
      {
        what: "Print JSON for another program:",
        line: "unitwatch events --json --container 'dev-*' --unit 'slurm*' | jq .message",
      },
    ],
  },
  status: {
    name: "status",
    summary: "Print what needs attention, or the state of a container or a unit",
    description: [
      "Without a container it prints the containers that need attention, with their units that do; with a container, by name, id or node name, its state; with a unit too, the unit's: why it failed, since when, how often, and its last lines.",
      "It asks the unitwatch that runs on this host, at http://localhost:10558, or the one of --url. If none answers, or with --url=none, it reads the engine and systemd in the containers once by itself, and with --systemd.host=on the host's own systemd, for which no engine is needed; then it has no counts, and knows nothing from before.",
    ],
    operands: [{ hint: "CONTAINER", completes: "container" }, { hint: "UNIT" }],
    flags: {
      url: optional({
        name: "url",
        hint: "URL",
        defaultText: "http://localhost:10558 if it answers, else none",
        help: "Address of a running unitwatch, with USER:PASSWORD@ if it requires them, or none.",
        secret: true,
        parse: unitwatchUrl,
      }),
      timeoutMs: single({
        name: "timeout",
        hint: "DURATION",
        defaultText: "10s",
        help: "Time limit; what is not known by then is left out.",
        parse: intervalMs,
      }),
      lines: single({
        name: "lines",
        hint: "NUMBER",
        defaultText: "10",
        help: "Lines of the journal to print about a unit, as systemctl status does; 0 prints none.",
        parse: wholeNumber(0, MAX_LINES),
      }),
    },
    switches: { json: "Print the state as JSON, as /api/v1/state does.", ...HELP },
    shared: [
      ...ENGINE_FLAGS,
      "nodeNamePrefix",
      "systemdTransport",
      "systemdHost",
      "unitInclude",
      "unitExclude",
      "journalRedact",
      ...LOG_FLAGS,
    ],
    exitCodes: [
      { code: "0", meaning: "The state was printed, whatever it is." },
      {
        code: "1",
        meaning:
          "There is no such container or unit, or neither unitwatch nor the engine answers (nor, with --systemd.host=on, the host's systemd); one line on stderr has the reason.",
      },
      BAD_USAGE,
      BY_SIGNAL,
    ],
    examples: [
      { what: "Print what needs attention:", line: "unitwatch status" },
      {
        what: "Print why a unit failed:",
        line: "unitwatch status sind-dev-worker-0 slurmd.service",
      },
      {
        what: "Ask a unitwatch on another host:",
        line: "unitwatch status --url=https://unitwatch.example:10558 worker-0",
      },
    ],
  },
  completion: {
    name: "completion",
    summary: "Print a shell completion script",
    description: [
      "The script completes commands, flags, words, files and folders. It lists container names with the docker command, or with the command in UNITWATCH_DOCKER_COMMAND.",
    ],
    argument: { hint: "SHELL", words: SHELLS },
    flags: {},
    switches: HELP,
    shared: [],
    exitCodes: [{ code: "0", meaning: "The script was printed." }, BAD_USAGE],
    examples: [
      {
        what: "Install for bash with bash-completion, else source it in ~/.bashrc:",
        line: "unitwatch completion bash > ~/.local/share/bash-completion/completions/unitwatch",
      },
      {
        what: "Install for zsh, in a folder of $fpath:",
        line: 'unitwatch completion zsh > "${fpath[1]}/_unitwatch"',
      },
      {
        what: "Install for fish:",
        line: "unitwatch completion fish > ~/.config/fish/completions/unitwatch.fish",
      },
    ],
  },
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;
