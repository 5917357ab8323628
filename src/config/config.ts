import type { ListenAddress } from "../domain/listen-address.ts";
import type { LogFormat, LogLevel } from "../domain/log.ts";
import type { OtlpConfig } from "./otlp.ts";
import type { ServiceManager } from "./service-manager.ts";

/** What is watched, and how. */
export interface WatchConfig {
  readonly docker: {
    /** `unix://`, `tcp://` or `ssh://`; undefined: what the CLI takes by itself. */
    readonly host: string | undefined;
    readonly runtime: "auto" | "engine" | "cli";
    /** Folder of ca.pem, cert.pem and key.pem for `tcp://`, from DOCKER_TLS_VERIFY; undefined: no TLS. */
    readonly tlsPath: string | undefined;
    /** The CLI's context, from DOCKER_CONTEXT; undefined or "default": the default one. */
    readonly context: string | undefined;
    /** Name or path of the CLI. */
    readonly command: string;
  };
  readonly watch: {
    /** Engine filters as `--filter` takes them, `key=value`; the one of --watch.cluster is last. */
    readonly filters: readonly string[];
  };
  readonly node: {
    /** Stripped from container names; undefined: as the labels tell; "": nothing is stripped. */
    readonly namePrefix: string | undefined;
  };
  readonly systemd: {
    readonly transport: "auto" | "dbus" | "busctl" | "off";
    /** Matches whole unit names, as does the other; a unit is shown if this matches and that doesn't. */
    readonly unitInclude: RegExp;
    readonly unitExclude: RegExp;
  };
  readonly log: {
    readonly level: LogLevel;
    readonly format: LogFormat;
  };
}

/** All that can be set, read once at start, checked, and frozen through and through. */
export interface Config extends WatchConfig {
  readonly web: {
    /** At least one. */
    readonly listenAddresses: readonly ListenAddress[];
    /** Begins with `/`, needs no escaping, and is no other route. */
    readonly telemetryPath: string;
    /** File of TLS, users and headers, not read yet; undefined: plain HTTP for everybody. */
    readonly configFile: string | undefined;
  };
  readonly metrics: {
    /** Number of series past which new ones are refused. */
    readonly seriesLimit: number;
    /** How long series of a destroyed container stay. */
    readonly retentionMs: number;
  };
  readonly otlp: OtlpConfig;
  readonly storage: {
    /** Folder of what outlives the process; undefined: kept in memory. */
    readonly path: string | undefined;
    /** Bound of the queue of log records. */
    readonly queueBytes: number;
  };
  /** undefined where systemd doesn't run this as a service that is to notify it. */
  readonly serviceManager: ServiceManager | undefined;
}
