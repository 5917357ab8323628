import type { Change } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import { logged } from "../domain/container-name.ts";
import { exitCodeText, processEnd } from "../domain/exit-status.ts";
import type { LogFields, Logger } from "../domain/log.ts";
import { unitPath } from "../domain/user-unit.ts";
import { severityOf } from "../logs/severity.ts";
import { rfc3339 } from "../page/rfc3339.ts";

/** Changes that are logged at level info; the others are at debug. */
export type LoggedChanges = "trouble" | "all" | "none";

/** Logs a change of a watch at its level, and any other change at debug. */
export function logChange(change: Change, log: Logger): void {
  const isEngine = change.identity === undefined;
  const fields = {
    ...(change.identity === undefined ? {} : logged(change.identity)),
    detail: change.detail,
  };
  switch (change.kind) {
    case "monitor.error":
      log.error(isEngine ? "engine watch failed" : "systemd watch failed", fields);
      break;
    case "monitor.lost":
      log.warn(isEngine ? "engine watch lost" : "systemd watch lost", fields);
      break;
    case "monitor.recovered":
      log.info(isEngine ? "engine watch restored" : "systemd watch restored", fields);
      break;
    default:
      log.debug(change.kind, { ...fields, unit: change.unit || undefined });
  }
}

/** Lines about one unit, and about one container and all of its units, in {@link WINDOW_MS}. */
const MAX_OF_UNIT = 5;
const MAX_OF_CONTAINER = 50;
const WINDOW_MS = 60_000;
/** Containers, and units, with lines in the window; those past it share one budget. */
const MAX_COUNTED = 1_000;

/** Lines that were written, and left out, in the present window. */
interface Budget {
  readonly container: string;
  readonly unit: string;
  written: number;
  left: number;
}

/**
 * Logs changes at level info, one line each, within bounds: a crash loop has a few lines a minute, and
 * one that says how many were left out.
 */
export class ChangeLog implements Disposable {
  readonly #changes: LoggedChanges;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #budgets = new Map<string, Budget>();
  #window: Disposable | undefined = undefined;

  constructor(options: {
    readonly changes: LoggedChanges;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#changes = options.changes;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  readonly changed = (change: Change): void => {
    if (change.kind.startsWith("monitor.") || !this.#isLogged(change)) logChange(change, this.#log);
    else if (this.#isAllowed(change)) this.#log.info(change.kind, fieldsOf(change));
  };

  /** Writes what is still left out. */
  [Symbol.dispose](): void {
    this.#window?.[Symbol.dispose]();
    this.#endWindow();
  }

  #isLogged(change: Change): boolean {
    switch (this.#changes) {
      case "all":
        return true;
      case "trouble":
        return severityOf(change).text === "ERROR";
      case "none":
        return false;
      default:
        return this.#changes satisfies never;
    }
  }

  /** Returns true if the line is within the bounds; counts it as left out otherwise. */
  #isAllowed({ container, identity, unit: name }: Change): boolean {
    const unit = unitPath(identity?.user, name);
    this.#window ??= this.#clock.setTimeout(() => this.#endWindow(), WINDOW_MS);
    const whole = this.#budgetOf(container, "");
    const own = unit === "" ? whole : this.#budgetOf(container, unit);
    if (own.written >= (own === whole ? MAX_OF_CONTAINER : MAX_OF_UNIT)) own.left += 1;
    else if (whole.written >= MAX_OF_CONTAINER) whole.left += 1;
    else {
      whole.written += 1;
      if (own !== whole) own.written += 1;
      return true;
    }
    return false;
  }

  #budgetOf(container: string, unit: string): Budget {
    const isFull = this.#budgets.size >= MAX_COUNTED;
    const key = `${container}\0${unit}`;
    const known = this.#budgets.get(key) ?? (isFull ? this.#budgets.get("") : undefined);
    if (known !== undefined) return known;
    const made = isFull
      ? { container: "", unit: "", written: 0, left: 0 }
      : { container, unit, written: 0, left: 0 };
    this.#budgets.set(isFull ? "" : key, made);
    return made;
  }

  #endWindow(): void {
    this.#window = undefined;
    for (const { container, unit, left } of this.#budgets.values()) {
      if (left === 0) continue;
      const of = { container: container || undefined, unit: unit || undefined };
      this.#log.info("changes left out", { ...of, count: left, seconds: WINDOW_MS / 1000 });
    }
    this.#budgets.clear();
  }
}

/** Returns what a line says: what happened to what, and why. */
function fieldsOf(change: Change): LogFields {
  const { identity, unit, recovered, timeNs } = change;
  return {
    ...(identity === undefined ? {} : logged(identity)),
    unit: unit || undefined,
    ...factsOf(change),
    ...(recovered ? { recovered, at: rfc3339(timeNs) ?? undefined } : {}),
  };
}

function factsOf(change: Change): LogFields {
  switch (change.kind) {
    case "container.die": {
      const { exitCode, runsSystemd } = change;
      return { code: exitCode === undefined ? "unknown" : exitCodeText(exitCode, runsSystemd) };
    }
    case "unit.failed":
    case "unit.restart": {
      const { result, exitCode, restarts } = change;
      return { result, status: processEnd(result, exitCode)?.text, restarts };
    }
    default:
      return change.detail === "" ? {} : { detail: change.detail };
  }
}
