import type { Engine } from "../support/engine/docker.ts";
import type { TestNode } from "../support/engine/node.ts";
import type { Unitwatch } from "../support/unitwatch.ts";

/** One figure. */
export interface Row {
  readonly name: string;
  readonly value: number;
  /** `ms`, `MB` (a million bytes), `%`, `/s`; "" for a number of things. */
  readonly unit: string;
  /** What it is to be: `<= 110`, `>= 5`, `== 0`. */
  readonly floor?: string;
  /** Whether it is. */
  readonly pass?: boolean;
}

/** What a section measures with. */
export interface BenchContext {
  /** A folder of its own, removed at the end. */
  readonly dir: string;
  /** A container engine; started when it is first asked for. */
  engine(): Promise<Engine>;
  /**
   * So many nodes with systemd, which no other container has a part in. What was started for an
   * earlier section stays; each is told of those that it is to watch by {@link watch}.
   */
  nodes(count: number): Promise<readonly TestNode[]>;
  /** The program as it is shipped, which watches the first `count` of the nodes. */
  watch(count: number, options?: WatchOptions): Promise<Unitwatch>;
  /** The program as it is shipped, at another engine. */
  watchAt(host: string, args?: readonly string[], how?: HowToRun): Promise<Unitwatch>;
  /** Tells somebody who waits what is going on. */
  say(text: string): void;
}

/** How the program gets at systemd. */
export type Way = "engine+dbus" | "cli+busctl";

/** What the program is run with beside its flags. */
export interface HowToRun {
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

export interface WatchOptions extends HowToRun {
  /** Default `engine+dbus`. */
  readonly way?: Way;
  readonly args?: readonly string[];
}

/** One part of the benchmark. */
export interface Section {
  readonly name: string;
  run(context: BenchContext): Promise<Row[]>;
}

const COMPARE: Readonly<Record<string, (value: number, than: number) => boolean>> = {
  "<=": (value, than) => value <= than,
  ">=": (value, than) => value >= than,
  "==": (value, than) => value === than,
};

/** A figure with its floor, such as `<= 110`; without one where there is none. */
export function row(name: string, value: number, unit: string, floor?: string): Row {
  if (floor === undefined) return { name, value, unit };
  const [, sign = "", than] = /^(<=|>=|==) (\S+)$/.exec(floor) ?? [];
  const compare = COMPARE[sign];
  if (compare === undefined) throw new Error(`no floor: ${floor}`);
  return { name, value, unit, floor, pass: compare(value, Number(than)) };
}

/** The value that this part (0 to 1) of all are not above. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}
