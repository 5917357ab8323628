import type { StatusReport } from "../../domain/status.ts";

/** Names in one request, as many as the server accepts. */
const MAX_NAMES = 100;
/** Pause between requests: the next one covers all changes meanwhile. */
const PAUSE_MS = 150;
/** Delay from the last change to a request of the summary: the OTLP queue empties without an event. */
const SETTLE_MS = 4000;
const RETRY_MS = 2000;

/** Requests the state of changed containers, one request at a time. */
export class StateClient {
  readonly #onReport: (report: StatusReport, names: readonly string[]) => void;
  readonly #dirty = new Set<string>();
  #isWanted = false;
  #isRequesting = false;
  #settle: ReturnType<typeof setTimeout> | undefined;

  constructor(onReport: (report: StatusReport, names: readonly string[]) => void) {
    this.#onReport = onReport;
  }

  /** Requests the state of a container; with "" that of the host, if it is watched, and the summary. */
  changed(container: string): void {
    this.#isWanted = true;
    this.#dirty.add(container);
    void this.#request();
  }

  async #request(): Promise<void> {
    if (this.#isRequesting) return;
    this.#isRequesting = true;
    while (this.#isWanted) {
      const names = [...this.#dirty].slice(0, MAX_NAMES);
      for (const name of names) this.#dirty.delete(name);
      this.#isWanted = this.#dirty.size > 0;
      try {
        this.#onReport(await stateOf(names), names);
        await wait(PAUSE_MS);
      } catch {
        for (const name of names) this.#dirty.add(name);
        this.#isWanted = true;
        await wait(RETRY_MS);
      }
    }
    this.#isRequesting = false;
    this.#settleLater();
  }

  #settleLater(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      stateOf([]).then(
        (report) => this.#onReport(report, []),
        () => {},
      );
    }, SETTLE_MS);
  }
}

async function stateOf(names: readonly string[]): Promise<StatusReport> {
  // No container has an empty name: a request of it returns the summary, and the host at most.
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
