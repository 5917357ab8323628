import type { StatusReport } from "../../domain/status.ts";

/** Names in one request, as many as the server takes. */
const MAX_NAMES = 100;
/** From one question to the next: what happens meanwhile is asked for together. */
const PAUSE_MS = 150;
/** After the last change the rest is looked at once more: queues run empty without an event. */
const SETTLE_MS = 4000;
const RETRY_MS = 2000;

/** Asks for the state of containers that changed, one request at a time. */
export class StateReader {
  readonly #told: (report: StatusReport, names: readonly string[]) => void;
  readonly #dirty = new Set<string>();
  #isWanted = false;
  #isReading = false;
  #settle: ReturnType<typeof setTimeout> | undefined;

  constructor(told: (report: StatusReport, names: readonly string[]) => void) {
    this.#told = told;
  }

  /** Something happened to this container, or, without one, to the whole. */
  changed(container: string): void {
    this.#isWanted = true;
    if (container !== "") this.#dirty.add(container);
    void this.#read();
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isWanted) {
      const names = [...this.#dirty].slice(0, MAX_NAMES);
      for (const name of names) this.#dirty.delete(name);
      this.#isWanted = this.#dirty.size > 0;
      try {
        this.#told(await stateOf(names), names);
        await wait(PAUSE_MS);
      } catch {
        for (const name of names) this.#dirty.add(name);
        this.#isWanted = true;
        await wait(RETRY_MS);
      }
    }
    this.#isReading = false;
    this.#settleLater();
  }

  #settleLater(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      stateOf([]).then(
        (report) => this.#told(report, []),
        () => {},
      );
    }, SETTLE_MS);
  }
}

async function stateOf(names: readonly string[]): Promise<StatusReport> {
  // No container has an empty name: asked for that one, the server tells of the whole alone.
  const query = new URLSearchParams(
    (names.length === 0 ? [""] : names).map((name) => ["container", name]),
  );
  const response = await fetch(`./api/v1/state?${query.toString()}`);
  if (!response.ok) throw new Error(`state: ${response.status}`);
  return (await response.json()) as StatusReport;
}

function wait(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
