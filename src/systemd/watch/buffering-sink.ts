import type { SystemdMessage, SystemdReply, TakeMessage } from "../../domain/systemd.ts";

export interface BufferingSinkOptions {
  readonly take: TakeMessage;
  /** After its abort nothing is passed on: the container has died. */
  readonly signal: AbortSignal;
  /** Called when the buffer is full: the caller has to end the stream. */
  readonly overflow: () => void;
}

/** A storm of a second or two, while the journal is read. */
const MAX_BUFFERED = 50_000;

/**
 * Passes messages on, in order. From `attached` to `recovered`, while the journal is read for what
 * happened before, it buffers them.
 */
export class BufferingSink {
  readonly #options: BufferingSinkOptions;
  #buffer: SystemdMessage[] | undefined;
  /** For units with evidence, the length of the buffer then: their signals before that are dropped. */
  readonly #droppedTo = new Map<string, number>();
  /** Attaches whose `recovered` is yet to come. */
  #pending = 0;

  constructor(options: BufferingSinkOptions) {
    this.#options = options;
  }

  readonly take = (message: SystemdMessage): SystemdReply | undefined => {
    const { take, signal, overflow } = this.#options;
    if (signal.aborted && message.kind !== "parse-error") return undefined;
    switch (message.kind) {
      case "unit":
      case "service":
      case "loaded":
      case "oom-kills":
      case "removed":
      case "restart-count":
      case "manager":
        if (this.#buffer === undefined) return take(message);
        if (this.#buffer.length >= MAX_BUFFERED) this.#buffer = this.#kept();
        // Its source may use the object for the next one.
        if (this.#buffer.length < MAX_BUFFERED) this.#buffer.push({ ...message });
        else overflow();
        return undefined;
      case "attached":
        this.#buffer ??= [];
        this.#pending += 1;
        return take(message);
      case "evidence":
        // It has all that the unit's signals before it report.
        if (this.#buffer !== undefined && !message.isAfterSignals)
          this.#droppedTo.set(message.unit, this.#buffer.length);
        return take(message);
      case "recovered": {
        const reply = take(message);
        this.#pending -= 1;
        if (this.#pending <= 0) this.#flush();
        return reply;
      }
      case "listed":
      case "start-time":
      case "moved":
      case "silence":
      case "frozen":
      case "parse-error":
        return take(message);
      default:
        return message satisfies never;
    }
  };

  /** Returns the buffer without the signals that evidence replaces. */
  #kept(): SystemdMessage[] {
    const buffered = this.#buffer ?? [];
    if (this.#droppedTo.size === 0) return buffered;
    const kept = buffered.filter((message, at) => {
      const isSignal = message.kind === "unit" || message.kind === "service";
      return !isSignal || at >= (this.#droppedTo.get(message.unit) ?? 0);
    });
    this.#droppedTo.clear();
    return kept;
  }

  #flush(): void {
    const buffered = this.#kept();
    this.#buffer = undefined;
    for (const message of buffered) this.take(message);
  }
}
