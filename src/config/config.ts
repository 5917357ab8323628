/**
 * config: everything that can be set.
 *
 * - `flags.ts` and `commands.ts` are tables; parsing, `--help`, shell completion and the generated
 *   docs are made from their rows. To add a flag, add a row and read its setting in `parse-config.ts`.
 * - `flag/` parses one value, reads arguments and variables, and words the errors.
 * - `otlp.ts` and `service-manager.ts` read the variables that other standards define.
 * - `completion/` prints the completion scripts for bash, zsh and fish.
 *
 * May import `domain/` and `platform/`. A flag wins over its variable, which wins over the default. A
 * `Config` is read once at start, checked and frozen. A bad value ends the start with exit code 2 and
 * one line that names the setting and what was expected. No message holds a password.
 */
import type { EventKind } from "../domain/event.ts";
import type { ListenAddress } from "../domain/listen-address.ts";
import type { LogFormat, LogLevel } from "../domain/log.ts";
import type { ReadingGroup } from "../domain/readings.ts";
import type { WaitGoal } from "../domain/wait-goal.ts";
import type { OtlpConfig } from "./otlp.ts";
import type { ServiceManager } from "./service-manager.ts";

/** Settings that the sidecar and the commands share. */
export interface WatchConfig {
  readonly docker: {
    /** `unix://`, `tcp://` or `ssh://`; undefined: the CLI's default. */
    readonly host: string | undefined;
    readonly runtime: "auto" | "engine" | "cli" | "proc";
    /** Flag that set it, without the dashes; undefined for its older name. */
    readonly flag: string | undefined;
    /** Folder of ca.pem, cert.pem and key.pem for `tcp://`, from DOCKER_TLS_VERIFY; undefined: no TLS. */
    readonly tlsPath: string | undefined;
    /** The CLI's context, from DOCKER_CONTEXT; undefined or "default": the default one. */
    readonly context: string | undefined;
    /** Name or path of the CLI. */
    readonly command: string;
    /** PATH: where the CLI is searched for. */
    readonly searchPath: string | undefined;
  };
  readonly watch: {
    /** Engine filters as `--filter` takes them, `key=value`; the one of --watch.cluster is last. */
    readonly filters: readonly string[];
  };
  readonly node: {
    /** Stripped from container names; undefined: taken from the labels; "": nothing is stripped. */
    readonly namePrefix: string | undefined;
  };
  readonly systemd: {
    readonly transport: "auto" | "socket" | "dbus" | "busctl" | "off";
    /** True if the host's own systemd is watched too. */
    readonly host: boolean;
    /** True if user managers are watched too. */
    readonly users: boolean;
    /** Path of the host's bus, from DBUS_SYSTEM_BUS_ADDRESS; it begins with a zero byte if it is abstract. */
    readonly hostBus: string | undefined;
    /** Matches the whole name of each unit that is shown. */
    readonly unitInclude: RegExp;
    /** Matches the whole name of each unit that is hidden; wins over `unitInclude`. */
    readonly unitExclude: RegExp;
  };
  readonly journal: {
    /** Global; what they match in lines of a journal is replaced. */
    readonly redact: readonly RegExp[];
  };
  readonly log: {
    readonly level: LogLevel;
    readonly format: LogFormat;
  };
}

/** Settings of the sidecar. */
export interface Config extends WatchConfig {
  readonly journal: WatchConfig["journal"] & {
    /** `failures`: the last lines of each run that fails. */
    readonly records: "off" | "failures" | "all";
    /** Lines of one failure. */
    readonly lines: number;
  };
  readonly containers: {
    /** True if what containers use is queried when metrics are read. */
    readonly stats: boolean;
  };
  readonly web: {
    /** At least one. */
    readonly listenAddresses: readonly ListenAddress[];
    /** Begins with `/`, needs no escaping, and is no other route. */
    readonly telemetryPath: string;
    /** File of TLS, users and headers, not read yet; undefined: plain HTTP without users. */
    readonly configFile: string | undefined;
  };
  readonly metrics: {
    /** Number of series past which new ones are refused. */
    readonly seriesLimit: number;
    /** Groups of values that systemd is queried for. */
    readonly collect: readonly ReadingGroup[];
    /** How long series of a destroyed container stay. */
    readonly retentionMs: number;
  };
  readonly otlp: OtlpConfig;
  readonly storage: {
    /** Folder of the durable queue and the resume point; undefined: kept in memory. */
    readonly path: string | undefined;
    /** Bound of the queue of log records. */
    readonly queueBytes: number;
  };
  /** Changes that are logged at level info. */
  readonly logChanges: "trouble" | "all" | "none";
  /** Undefined unless systemd runs this process as a service that notifies it. */
  readonly serviceManager: ServiceManager | undefined;
}

/** Settings of `unitwatch wait`. */
export interface WaitConfig extends WatchConfig, WaitGoal {
  /** Undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly keepWaiting: boolean;
  readonly quiet: boolean;
  /** Last lines of each unit that isn't in a state of the goal; 0: neither them nor its result. */
  readonly lines: number;
}

/** Settings of `unitwatch status`. */
export interface StatusConfig extends WatchConfig {
  /** `auto`: the unitwatch of this host if it answers; undefined: none. */
  readonly url: URL | "auto" | undefined;
  readonly timeoutMs: number;
  /** Name, id or node name; undefined: what needs attention. */
  readonly container: string | undefined;
  readonly unit: string | undefined;
  /** Last lines of the unit; 0: none. */
  readonly lines: number;
  readonly json: boolean;
}

/** Settings of `unitwatch events`. */
export interface EventsConfig extends WatchConfig {
  /** Names, ids or name patterns; empty: all containers. */
  readonly containers: readonly string[];
  /** Unit names or patterns; empty: all units, and events without a unit. */
  readonly units: readonly string[];
  /** Empty: all kinds. */
  readonly kinds: readonly EventKind[];
  readonly json: boolean;
}
