import type { EventReport } from "../../domain/status.ts";

export interface ConnectionTells {
  readonly event: (event: EventReport) => void;
  /** A container's state was read anew, with no event for what it showed. */
  readonly snapshot: (container: string) => void;
  readonly live: (isLive: boolean) => void;
  /** Connected again, and nothing was missed but snapshots. */
  readonly back: () => void;
  /** Events are lost: only the page as a whole is true again. */
  readonly gap: () => void;
}

const RETRY_MS = 3000;
/** A page that nobody looks at gives its connection back after this time. */
const HIDDEN_MS = 120_000;

/** The stream of events, from the one on that the page was made after. */
export class Connection {
  readonly #tells: ConnectionTells;
  #lastId: string;
  #source: EventSource | undefined;
  #wasLive = false;
  #hidden: ReturnType<typeof setTimeout> | undefined;

  constructor(lastId: string, tells: ConnectionTells) {
    this.#lastId = lastId;
    this.#tells = tells;
  }

  start(): void {
    document.addEventListener("visibilitychange", () => this.#seen());
    this.#open();
  }

  #open(): void {
    const source = new EventSource(
      `./api/v1/events?last-event-id=${encodeURIComponent(this.#lastId)}`,
    );
    this.#source = source;
    source.addEventListener("open", () => {
      this.#tells.live(true);
      if (this.#wasLive) this.#tells.back();
      this.#wasLive = true;
    });
    source.addEventListener("message", (message: MessageEvent<string>) => {
      this.#lastId = message.lastEventId;
      this.#tells.event(JSON.parse(message.data) as EventReport);
    });
    source.addEventListener("snapshot", (message: MessageEvent<string>) => {
      this.#tells.snapshot((JSON.parse(message.data) as { container: string }).container);
    });
    source.addEventListener("gap", () => this.#tells.gap());
    source.addEventListener("error", () => {
      this.#tells.live(false);
      if (source.readyState !== EventSource.CLOSED || this.#source !== source) return;
      // The browser gives up where it was refused: there may be room later.
      this.#source = undefined;
      setTimeout(() => this.#seen(), RETRY_MS);
    });
  }

  #seen(): void {
    clearTimeout(this.#hidden);
    if (document.visibilityState === "visible") {
      if (this.#source === undefined) this.#open();
      return;
    }
    this.#hidden = setTimeout(() => {
      this.#source?.close();
      this.#source = undefined;
      this.#tells.live(false);
    }, HIDDEN_MS);
  }
}
