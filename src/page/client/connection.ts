import type { EventReport } from "../../domain/status.ts";

/** Receives what the connection delivers. */
export interface ConnectionListener {
  readonly event: (event: EventReport) => void;
  /** unitwatch has read a container's state again; there may be changes without events. */
  readonly snapshot: (container: string) => void;
  readonly live: (isLive: boolean) => void;
  /** Connected again; no event was missed, but snapshots may have been. */
  readonly reconnected: () => void;
  /** Events were lost: the page has to be reloaded. */
  readonly gap: () => void;
}

const RETRY_MS = 3000;
/** A hidden page closes its connection after this time. */
const HIDDEN_MS = 120_000;

/** Receives the events since the page was rendered, and reconnects when the stream ends. */
export class Connection {
  readonly #listener: ConnectionListener;
  #lastId: string;
  #source: EventSource | undefined;
  #wasLive = false;
  #hidden: ReturnType<typeof setTimeout> | undefined;

  constructor(lastId: string, listener: ConnectionListener) {
    this.#lastId = lastId;
    this.#listener = listener;
  }

  start(): void {
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
    this.#open();
  }

  #open(): void {
    const source = new EventSource(
      `./api/v1/events?last-event-id=${encodeURIComponent(this.#lastId)}`,
    );
    this.#source = source;
    source.addEventListener("open", () => {
      this.#listener.live(true);
      if (this.#wasLive) this.#listener.reconnected();
      this.#wasLive = true;
    });
    source.addEventListener("message", (message: MessageEvent<string>) => {
      this.#lastId = message.lastEventId;
      this.#listener.event(JSON.parse(message.data) as EventReport);
    });
    source.addEventListener("snapshot", (message: MessageEvent<string>) => {
      this.#listener.snapshot((JSON.parse(message.data) as { container: string }).container);
    });
    source.addEventListener("gap", () => this.#listener.gap());
    source.addEventListener("error", () => {
      this.#listener.live(false);
      if (source.readyState !== EventSource.CLOSED || this.#source !== source) return;
      // The browser doesn't retry after an HTTP error, such as 503 for too many streams.
      this.#source = undefined;
      setTimeout(() => this.#visibilityChanged(), RETRY_MS);
    });
  }

  #visibilityChanged(): void {
    clearTimeout(this.#hidden);
    if (document.visibilityState === "visible") {
      if (this.#source === undefined) this.#open();
      return;
    }
    this.#hidden = setTimeout(() => {
      this.#source?.close();
      this.#source = undefined;
      this.#listener.live(false);
    }, HIDDEN_MS);
  }
}
