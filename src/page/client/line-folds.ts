import type { StatusReport, UnitReport } from "../../domain/status.ts";
import type { FoldFacts } from "../view/unit-fold.ts";
import { unitFold } from "../view/unit-fold.ts";
import { patch } from "./dom.ts";

/** Facts in a fold that only a request of its unit has. */
type Requested = Pick<FoldFacts, "lastLines" | "details" | "oomKill" | "history" | "around">;

/** Units of which this is kept. */
const MAX_UNITS = 100;
/** Least time between two requests for one unit. */
const PAUSE_MS = 1_000;
/** The same for a unit whose lines the server doesn't remember: it reads the journal each time. */
const READ_PAUSE_MS = 10_000;

/** The open folds of units: requests what they show, and again when something changed. */
export class LineFolds {
  readonly #units = new Map<string, Requested>();
  readonly #requested = new Set<string>();
  /** Units whose lines the server remembers. */
  readonly #remembered = new Set<string>();
  /** Pending requests by unit. */
  readonly #pending = new Map<string, { readonly timer: number; readonly pauseMs: number }>();

  /** Returns what was requested last. */
  of(container: string, unit: string): Requested | undefined {
    return this.#units.get(keyOf(container, unit));
  }

  /** Requests what the open folds of a container show. */
  refresh(entry: HTMLElement, units: readonly Pick<UnitReport, "name" | "hasLastLines">[]): void {
    const open = [...entry.querySelectorAll<HTMLDetailsElement>("details.lines[open]")];
    if (open.length === 0) return;
    const container = entry.dataset["container"] ?? "";
    for (const { name, hasLastLines } of units) {
      if (hasLastLines) this.#remembered.add(keyOf(container, name));
    }
    for (const fold of open) this.opened(fold);
  }

  /** Requests what a fold shows. */
  opened(fold: HTMLDetailsElement): void {
    const container = fold.closest<HTMLElement>("article")?.dataset["container"] ?? "";
    const unit = fold.dataset["lines"] ?? "";
    const key = keyOf(container, unit);
    const isFirst = !this.#requested.has(key);
    const pauseMs = isFirst ? 0 : this.#remembered.has(key) ? PAUSE_MS : READ_PAUSE_MS;
    const pending = this.#pending.get(key);
    if (pending !== undefined && pending.pauseMs <= pauseMs) return;
    clearTimeout(pending?.timer);
    this.#requested.add(key);
    const timer = globalThis.setTimeout(() => {
      this.#pending.delete(key);
      stateOf(container, unit).then(
        (report) => this.#show(fold, { container, unit, report }),
        () => this.opened(fold),
      );
    }, pauseMs);
    this.#pending.set(key, { timer, pauseMs });
  }

  #show(
    fold: HTMLDetailsElement,
    shown: {
      readonly container: string;
      readonly unit: string;
      readonly report: StatusReport;
    },
  ): void {
    const { container, unit, report } = shown;
    const [entry] = report.containers;
    const [found] = entry?.units ?? [];
    const { details, oomKill, history, around, lastLines = [] } = found ?? {};
    const requested: Requested = {
      lastLines,
      ...(details !== undefined && { details }),
      ...(oomKill !== undefined && { oomKill }),
      ...(history !== undefined && { history }),
      ...(around !== undefined && { around }),
    };
    const key = keyOf(container, unit);
    if (found?.hasLastLines === true) this.#remembered.add(key);
    else this.#remembered.delete(key);
    this.#units.delete(key);
    this.#units.set(key, requested);
    const [oldest = ""] = this.#units.keys();
    if (this.#units.size > MAX_UNITS) this.#units.delete(oldest);
    const facts = { ...requested, name: unit, activeState: found?.activeState ?? null };
    const of = { name: container, node: entry?.node ?? "" };
    patch(fold, unitFold(of, facts, Date.parse(report.time)));
  }
}

function keyOf(container: string, unit: string): string {
  return `${container} ${unit}`;
}

async function stateOf(container: string, unit: string): Promise<StatusReport> {
  const query = new URLSearchParams({ container, unit });
  const response = await fetch(`./api/v1/state?${query.toString()}`);
  if (!response.ok) throw new Error(`state: ${response.status}`);
  return (await response.json()) as StatusReport;
}
