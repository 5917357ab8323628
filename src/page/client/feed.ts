import type { EventReport } from "../../domain/status.ts";
import { changeItem } from "../view/change.ts";
import { byId, toDom } from "./dom.ts";

/** Lines that are kept, in sight or waiting. */
const MAX_LINES = 500;
/** Screen readers are told no more often than this. */
const ANNOUNCE_MS = 5000;

/** The feed: new lines on top, held back while it is paused, and only those with the filter's text. */
export class Feed {
  readonly #list = byId("changes", HTMLOListElement);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #filter = byId("filter", HTMLInputElement);
  readonly #note = byId("waiting", HTMLSpanElement);
  readonly #announcer = byId("announcer", HTMLParagraphElement);
  #waiting: EventReport[] = [];
  #missed = 0;
  #isPaused = false;
  #incoming: HTMLElement[] = [];
  #grave: string[] = [];
  #announceAt = 0;

  constructor() {
    this.#pause.addEventListener("click", () => this.#setPaused(!this.#isPaused));
    this.#filter.addEventListener("input", () => this.#filterAll());
    this.#filterAll();
  }

  /** One more change. */
  add(event: EventReport): void {
    if (event.severity === "ERROR") this.#announceLater(event.message);
    if (this.#isPaused) {
      this.#waiting.push(event);
      if (this.#waiting.length > MAX_LINES) {
        this.#waiting.shift();
        this.#missed += 1;
      }
      this.#tellWaiting();
      return;
    }
    this.#show(event);
  }

  #show(event: EventReport): void {
    const line = toDom(changeItem(event));
    this.#hide(line);
    // Many can come at once: the page is changed once for all of them.
    if (this.#incoming.length === 0) queueMicrotask(() => this.#flush());
    this.#incoming.unshift(line);
    if (this.#incoming.length > MAX_LINES) this.#incoming.pop();
  }

  #flush(): void {
    this.#list.prepend(...this.#incoming);
    this.#incoming = [];
    while (this.#list.childElementCount > MAX_LINES) this.#list.lastElementChild?.remove();
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#pause.setAttribute("aria-pressed", String(isPaused));
    this.#pause.textContent = isPaused ? "Resume" : "Pause";
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#missed = 0;
    this.#tellWaiting();
    for (const event of waiting) this.#show(event);
  }

  #tellWaiting(): void {
    const { length } = this.#waiting;
    const missed = this.#missed > 0 ? `, ${this.#missed} more not kept` : "";
    this.#note.textContent = length === 0 ? "" : `${length} waiting${missed}`;
  }

  #filterAll(): void {
    for (const line of this.#list.children) if (line instanceof HTMLElement) this.#hide(line);
  }

  #hide(line: HTMLElement): void {
    const words = this.#filter.value.toLowerCase().split(/\s+/);
    line.hidden = words.some((word) => !(line.dataset["find"] ?? "").includes(word));
  }

  /** Tells screen readers of what is grave, and of much at once only how much it is. */
  #announceLater(message: string): void {
    this.#grave.push(message.slice(0, 300));
    if (this.#grave.length > 1) return;
    const delayMs = Math.max(0, this.#announceAt - performance.now());
    setTimeout(() => {
      const [first = "", ...more] = this.#grave;
      this.#grave = [];
      this.#announceAt = performance.now() + ANNOUNCE_MS;
      this.#announcer.textContent = more.length === 0 ? first : `${first} And ${more.length} more.`;
    }, delayMs);
  }
}
