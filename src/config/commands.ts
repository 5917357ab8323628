import { HEALTH_STATUSES } from "../domain/container.ts";
import { EventKind } from "../domain/event.ts";
import { SYSTEM_STATES } from "../domain/systemd.ts";
import {
  containerName,
  containerPattern,
  eventKinds,
  timeLimit,
  unitCondition,
  unitPattern,
} from "./flag/command-values.ts";
import { repeated, single, optional } from "./flag/flag.ts";
import type { FLAGS } from "./flags.ts";
import { anyOf } from "./flag/scalars.ts";
import type { FlagTable } from "./flag/settings.ts";

/** One command: the table's row, from which parsing, help and documentation are made. */
export interface Command {
  /** The first word of the command line. */
  readonly name: string;
  /** Half a sentence without a full stop, for lists. */
  readonly summary: string;
  /** Paragraphs without markup. */
  readonly description: readonly string[];
  /** The word that has to follow its name; left out where there is none. */
  readonly argument?: { readonly hint: string; readonly words: readonly string[] };
  /** Flags of its own, in the order of help. They have no variables. */
  readonly flags: FlagTable;
  /** Those of its flags that take no value: what each does. */
  readonly switches: Readonly<Record<string, string>>;
  /** Flags, by their keys in FLAGS, that it has in common with the sidecar, variables included. */
  readonly shared: readonly (keyof typeof FLAGS)[];
  readonly exitCodes: readonly { readonly code: string; readonly meaning: string }[];
  /** `line` is to be typed as it stands. */
  readonly examples: readonly { readonly what: string; readonly line: string }[];
}

const ENGINE_FLAGS = [
  "dockerHost",
  "dockerRuntime",
  "dockerCommand",
  "watchFilters",
  "watchCluster",
] as const;
const LOG_FLAGS = ["logLevel", "logFormat"] as const;
const HELP = { help: "Show this help and exit." } as const;
const BY_SIGNAL = { code: "128+N", meaning: "Signal N ended it: 130 for SIGINT." } as const;
const BAD_USAGE = {
  code: "2",
  meaning: "A flag or variable is wrong; one line on stderr says which.",
} as const;

/** Shells whose command lines can be completed. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** All commands, in the order of help. */
export const COMMANDS = {
  wait: {
    name: "wait",
    summary: "Wait until containers and the units in them are as they should be",
    description: [
      "Ends with 0 as soon as all of it is true. Watches the engine by itself: no other unitwatch needs to run, and nothing is polled.",
      "Every condition has to hold in every container that is named; without --container in every one that --watch.filter and --watch.cluster let through, of which there has to be one. A container has to run in any case.",
      "It ends with 1 at the time limit, and earlier where it can't come true any more: a container was removed or has exited, it has no systemd or no health check and is asked for it, it is unhealthy, a unit is failed, systemd is degraded or in maintenance, and none of that was asked for. It has to have stayed so for a second, as restarts pass through such states, and Restart= through failed. With --keep-waiting the time limit alone counts.",
      "A container that there isn't yet is waited for, and so are an engine that can't be reached and a unit that systemd hasn't loaded. As for systemctl, such a unit is inactive.",
    ],
    flags: {
      containers: repeated({
        name: "container",
        hint: "NAME",
        defaultText: "",
        help: "A container, by its name or id.",
        separator: "comma",
        completes: "container",
        parse: containerName,
      }),
      units: repeated({
        name: "unit",
        hint: "NAME[=STATE]",
        defaultText: "",
        help: "A unit is to be in this ActiveState: active where none is given, or inactive, failed, activating, deactivating, reloading; of several, separated by commas, in any. A name without a type is a service's, and what a name can't have is escaped, as systemctl does both.",
        separator: "newline",
        parse: unitCondition,
      }),
      system: optional({
        name: "system",
        hint: "STATE",
        defaultText: "",
        help: "systemd as a whole is to be in this state, as systemctl is-system-running says it: running, degraded, starting, …; of several, separated by commas, in any.",
        completes: { anyOf: SYSTEM_STATES },
        parse: anyOf(SYSTEM_STATES),
      }),
      health: optional({
        name: "health",
        hint: "STATUS",
        defaultText: "",
        help: "The container's health check is to say this: healthy, unhealthy or starting; of several, separated by commas, any.",
        completes: { anyOf: HEALTH_STATUSES },
        parse: anyOf(HEALTH_STATUSES),
      }),
      timeoutMs: single({
        name: "timeout",
        hint: "DURATION",
        defaultText: "5m",
        help: "The time limit, such as 60s or 1m30s; none waits for ever.",
        parse: timeLimit,
      }),
    },
    switches: {
      "keep-waiting": "Go on where it can't come true any more: somebody may mend it.",
      quiet: "Print nothing: the exit code tells.",
      ...HELP,
    },
    shared: [...ENGINE_FLAGS, "systemdTransport", ...LOG_FLAGS],
    exitCodes: [
      { code: "0", meaning: "All of it is true." },
      {
        code: "1",
        meaning:
          "The time is over, or it can't come true any more; stderr has a line for each thing that is missing.",
      },
      BAD_USAGE,
      BY_SIGNAL,
    ],
    examples: [
      {
        what: "A node is up, its controller runs, and nothing in it failed:",
        line: "unitwatch wait --container sind-dev-controller --unit slurmctld.service=active --system running --timeout 60s",
      },
      {
        what: "All nodes of a cluster are up, whatever failed in them:",
        line: "unitwatch wait --watch.cluster dev --system running,degraded --keep-waiting",
      },
      {
        what: "A database is healthy:",
        line: "unitwatch wait --container db --health healthy --timeout 2m",
      },
    ],
  },
  events: {
    name: "events",
    summary: "Show what happens to containers and the units in them, as it happens",
    description: [
      "One line a change, until it is ended. Watches the engine by itself: no other unitwatch needs to run. What was so before is no change.",
      "Where whoever reads it is too slow, the oldest of 10,000 waiting changes are dropped, and stderr tells how many.",
    ],
    flags: {
      containers: repeated({
        name: "container",
        hint: "NAME",
        defaultText: "",
        help: "Only of this container, by its name or id, or of those that a pattern such as dev-* names.",
        separator: "comma",
        completes: "container",
        parse: containerPattern,
      }),
      units: repeated({
        name: "unit",
        hint: "NAME",
        defaultText: "",
        help: "Only of this unit, or of those that a pattern such as slurm*.service names, whatever --systemd.unit-include and --systemd.unit-exclude say. A name without a type is a service's, and what a name can't have is escaped, as systemctl does both.",
        separator: "newline",
        parse: unitPattern,
      }),
      kinds: repeated({
        name: "kind",
        hint: "KIND",
        defaultText: "",
        help: "Only of this kind, such as unit.failed, or of a group of kinds: container.*, unit.*, system.*, monitor.*; several are separated by commas.",
        separator: "newline",
        completes: { anyOf: Object.values(EventKind) },
        parse: eventKinds,
      }),
    },
    switches: {
      json: "Print each change as a JSON object, with the members that /api/v1/events has.",
      ...HELP,
    },
    shared: [
      ...ENGINE_FLAGS,
      "nodeNamePrefix",
      "systemdTransport",
      "unitInclude",
      "unitExclude",
      ...LOG_FLAGS,
    ],
    exitCodes: [
      { code: "0", meaning: "Whoever read it has gone, as head does, and there was a line more." },
      { code: "1", meaning: "It can't be written, or can't be watched." },
      BAD_USAGE,
      BY_SIGNAL,
    ],
    examples: [
      { what: "All that happens:", line: "unitwatch events" },
      {
        what: "Services of a cluster that fail, or are restarted:",
        line: "unitwatch events --watch.cluster dev --kind unit.failed,unit.restart",
      },
      {
        what: "For other programs:",
        line: "unitwatch events --json --container 'dev-*' --unit 'slurm*' | jq .message",
      },
    ],
  },
  completion: {
    name: "completion",
    summary: "Print a script by which a shell completes the command line of unitwatch",
    description: [
      "It completes commands, flags, those of their values that are words, files and folders, and names of containers, for which it asks the command docker, or the one of UNITWATCH_DOCKER_COMMAND.",
    ],
    argument: { hint: "SHELL", words: SHELLS },
    flags: {},
    switches: HELP,
    shared: [],
    exitCodes: [{ code: "0", meaning: "The script is printed." }, BAD_USAGE],
    examples: [
      {
        what: "For bash with bash-completion; else in a file that ~/.bashrc reads:",
        line: "unitwatch completion bash > ~/.local/share/bash-completion/completions/unitwatch",
      },
      {
        what: "For zsh, in a folder of $fpath:",
        line: 'unitwatch completion zsh > "${fpath[1]}/_unitwatch"',
      },
      {
        what: "For fish:",
        line: "unitwatch completion fish > ~/.config/fish/completions/unitwatch.fish",
      },
    ],
  },
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;
