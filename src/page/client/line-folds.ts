import type { LineReport, StatusReport } from "../../domain/status.ts";
import { lastLines } from "../view/last-lines.ts";
import { patch } from "./dom.ts";

/** Units whose lines are kept. */
const MAX_UNITS = 100;
/** Least time between two requests for one unit. */
const PAUSE_MS = 1_000;

/** The open folds with the last lines of units: requests their lines, and again when something changed. */
export class LineFolds {
  readonly #lines = new Map<string, readonly LineReport[]>();
  readonly #requested = new Set<string>();
  /** Units whose next request is pending. */
  readonly #pending = new Set<string>();

  /** Returns the lines that were requested last. */
  of(container: string, unit: string): readonly LineReport[] | undefined {
    return this.#lines.get(keyOf(container, unit));
  }

  /** Requests the lines of the open folds of a container. */
  refresh(entry: HTMLElement | undefined): void {
    for (const fold of entry?.querySelectorAll<HTMLDetailsElement>("details.lines[open]") ?? []) {
      this.opened(fold);
    }
  }

  /** Requests the lines of a fold. */
  opened(fold: HTMLDetailsElement): void {
    const container = fold.closest<HTMLElement>("article")?.dataset["container"] ?? "";
    const unit = fold.dataset["lines"] ?? "";
    const key = keyOf(container, unit);
    if (this.#pending.has(key)) return;
    this.#pending.add(key);
    const isFirst = !this.#requested.has(key);
    this.#requested.add(key);
    setTimeout(
      () => {
        this.#pending.delete(key);
        linesOf(container, unit).then(
          (lines) => this.#show(fold, { container, unit, lines }),
          () => this.opened(fold),
        );
      },
      isFirst ? 0 : PAUSE_MS,
    );
  }

  #show(
    fold: HTMLDetailsElement,
    shown: {
      readonly container: string;
      readonly unit: string;
      readonly lines: readonly LineReport[];
    },
  ): void {
    const { container, unit, lines } = shown;
    const key = keyOf(container, unit);
    this.#lines.delete(key);
    this.#lines.set(key, lines);
    const [oldest = ""] = this.#lines.keys();
    if (this.#lines.size > MAX_UNITS) this.#lines.delete(oldest);
    patch(fold, lastLines({ name: container }, { name: unit, lastLines: lines }));
  }
}

function keyOf(container: string, unit: string): string {
  return `${container} ${unit}`;
}

async function linesOf(container: string, unit: string): Promise<readonly LineReport[]> {
  const query = new URLSearchParams({ container, unit });
  const response = await fetch(`./api/v1/state?${query.toString()}`);
  if (!response.ok) throw new Error(`state: ${response.status}`);
  const report = (await response.json()) as StatusReport;
  return report.containers[0]?.units[0]?.lastLines ?? [];
}
