import type { Engine } from "../support/engine/docker.ts";
import type { TestNode } from "../support/engine/node.ts";
import type { Unitwatch } from "../support/unitwatch.ts";

/** One figure. */
export interface Row {
  readonly name: string;
  readonly value: number;
  /** `ms`, `MB` (a million bytes), `%`, `/s`; "" for a count. */
  readonly unit: string;
  /** Limit: `<= 110`, `>= 5`, `== 0`. */
  readonly floor?: string;
  /** True if the value is within the floor. */
  readonly pass?: boolean;
}

/** Environment that a section measures in. */
export interface BenchContext {
  /** Temporary folder, removed at the end. */
  readonly dir: string;
  /** Container engine, started by the first call. */
  engine(): Promise<Engine>;
  /**
   * Starts nodes with systemd until there are `count`. Nodes of earlier sections stay; {@link watch}
   * selects those that unitwatch watches.
   */
  nodes(count: number): Promise<readonly TestNode[]>;
  /** Starts the built program, which watches the first `count` nodes. */
  watch(count: number, options?: WatchOptions): Promise<Unitwatch>;
  /** Starts the built program with another engine. */
  watchAt(host: string, args?: readonly string[], run?: RunOptions): Promise<Unitwatch>;
  /** Prints progress to stderr. */
  progress(text: string): void;
}

/** Runtime and transport of the program. */
export type Route = "engine+socket" | "engine+dbus" | "cli+busctl";

/** Environment of the program, and arguments of Node.js. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Default: the program that was built. */
  readonly main?: string;
  /** True to run it on the engine's host, which the transport `socket` requires. */
  readonly isOnHost?: boolean;
}

export interface WatchOptions extends RunOptions {
  /** Default `engine+socket`. */
  readonly route?: Route;
  readonly args?: readonly string[];
}

/** One part of the benchmark. */
export interface Section {
  readonly name: string;
  /** True if it runs only when it is named. */
  readonly isOnDemand?: true;
  run(context: BenchContext): Promise<Row[]>;
}

const COMPARE: Readonly<Record<string, (value: number, than: number) => boolean>> = {
  "<=": (value, than) => value <= than,
  ">=": (value, than) => value >= than,
  "==": (value, than) => value === than,
};

/** Makes a row, and compares the value with its floor, such as `<= 110`, if there is one. */
export function row(name: string, value: number, unit: string, floor?: string): Row {
  if (floor === undefined) return { name, value, unit };
  const [, sign = "", than] = /^(<=|>=|==) (\S+)$/.exec(floor) ?? [];
  const compare = COMPARE[sign];
  if (compare === undefined) throw new Error(`invalid floor: ${floor}`);
  return { name, value, unit, floor, pass: compare(value, Number(than)) };
}

/** Returns the percentile; `part` is from 0 to 1. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}
