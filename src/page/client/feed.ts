import type { EventReport } from "../../domain/status.ts";
import { changeItem } from "../view/change.ts";
import { foldKey, isContinued } from "../view/fold.ts";
import type { FoldedChange } from "../view/fold.ts";
import { byId, patch, toDom } from "./dom.ts";

/** Lines that are kept, shown or waiting. */
const MAX_LINES = 500;
/** Minimum interval of announcements to screen readers. */
const ANNOUNCE_MS = 5000;

/**
 * Shows changes, newest first: those that match the filter, and none while it is paused. The same
 * changes are one line, which says how many they are.
 */
export class Feed {
  readonly #list = byId("changes", HTMLOListElement);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #filter = byId("filter", HTMLInputElement);
  readonly #note = byId("waiting", HTMLSpanElement);
  readonly #announcer = byId("announcer", HTMLParagraphElement);
  #waiting: EventReport[] = [];
  #dropped = 0;
  #isPaused = false;
  #incoming: HTMLElement[] = [];
  /** The newest line of each key. */
  readonly #lines = new Map<string, HTMLElement>();
  #errors: string[] = [];
  #announceAt = 0;

  constructor() {
    this.#pause.addEventListener("click", () => this.#setPaused(!this.#isPaused));
    this.#filter.addEventListener("input", () => this.#filterAll());
    for (const line of this.#list.children) {
      const key = line instanceof HTMLElement ? line.dataset["fold"] : undefined;
      if (key !== undefined && !this.#lines.has(key)) this.#lines.set(key, line as HTMLElement);
    }
    this.#filterAll();
  }

  /** Adds a change. */
  add(event: EventReport): void {
    if (event.severity === "ERROR") this.#announceLater(event.message);
    if (this.#isPaused) {
      this.#waiting.push(event);
      if (this.#waiting.length > MAX_LINES) {
        this.#waiting.shift();
        this.#dropped += 1;
      }
      this.#showWaiting();
      return;
    }
    this.#show(event);
  }

  #show(event: EventReport): void {
    const key = foldKey(event);
    const known = this.#lines.get(key);
    const folded = foldInto(known, event);
    const wanted = changeItem(folded);
    const isRepeat = known !== undefined && folded.count > 1;
    if (isRepeat) patch(known, wanted);
    const line = isRepeat ? known : toDom(wanted);
    this.#lines.set(key, line);
    this.#hide(line);
    // Many can come at once: the page changes once for all of them.
    if (this.#incoming.length === 0) queueMicrotask(() => this.#flush());
    if (isRepeat) this.#incoming = this.#incoming.filter((other) => other !== line);
    this.#incoming.unshift(line);
    if (this.#incoming.length > MAX_LINES) this.#forget(this.#incoming.pop());
  }

  #flush(): void {
    document.querySelector("#unchanged")?.remove();
    const focused = document.activeElement;
    this.#list.prepend(...this.#incoming);
    if (focused instanceof HTMLElement && this.#list.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
    this.#incoming = [];
    while (this.#list.childElementCount > MAX_LINES) this.#forget(this.#list.lastElementChild);
  }

  #forget(line: Element | null | undefined): void {
    line?.remove();
    const key = line?.getAttribute("data-fold") ?? "";
    if (this.#lines.get(key) === line) this.#lines.delete(key);
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#pause.setAttribute("aria-pressed", String(isPaused));
    this.#pause.textContent = isPaused ? "Resume" : "Pause";
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#dropped = 0;
    this.#showWaiting();
    for (const event of waiting) this.#show(event);
  }

  #showWaiting(): void {
    const { length } = this.#waiting;
    const dropped = this.#dropped > 0 ? `, ${this.#dropped} more dropped` : "";
    this.#note.textContent = length === 0 ? "" : `${length} waiting${dropped}`;
  }

  #filterAll(): void {
    for (const line of this.#list.children) if (line instanceof HTMLElement) this.#hide(line);
  }

  #hide(line: HTMLElement): void {
    const words = this.#filter.value.toLowerCase().split(/\s+/);
    line.hidden = words.some((word) => !(line.dataset["find"] ?? "").includes(word));
  }

  /** Announces an error to screen readers; of several at once the first and the number of the others. */
  #announceLater(message: string): void {
    this.#errors.push(message.slice(0, 300));
    if (this.#errors.length > 1) return;
    const delayMs = Math.max(0, this.#announceAt - performance.now());
    setTimeout(() => {
      const [first = "", ...more] = this.#errors;
      this.#errors = [];
      this.#announceAt = performance.now() + ANNOUNCE_MS;
      this.#announcer.textContent = more.length === 0 ? first : `${first} And ${more.length} more.`;
    }, delayMs);
  }
}

/** Adds a change to the line of the changes that are the same, unless the newest of them is long past. */
function foldInto(line: HTMLElement | undefined, event: EventReport): FoldedChange {
  const { count = "0", first = "", last = "" } = line?.dataset ?? {};
  if (line === undefined || !isContinued(last || null, event.time)) {
    return { event, count: 1, firstAt: event.time };
  }
  return { event, count: Number(count) + 1, firstAt: first || null };
}
