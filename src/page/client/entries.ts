import type { ContainerReport, UnitReport } from "../../domain/status.ts";
import { goneItem, MAX_GONE } from "../view/gone.ts";
import { nodeEntry, sortedUnits } from "../view/node.ts";
import type { NodeViewOptions } from "../view/node.ts";
import { hasPast } from "../view/trouble.ts";
import { patch, toDom } from "./dom.ts";
import type { LineFolds } from "./line-folds.ts";

/** Failing units of a container that are shown, and of those that restarted lately. */
const MAX_FAILING = 200;

/** Shows an entry for each container: those in trouble in one list, the others in another. */
export class Entries {
  readonly #trouble = listOf("trouble");
  readonly #rest = listOf("rest");
  readonly #byName = new Map<string, HTMLElement>();
  readonly #gone = document.querySelector("#gone ul");
  readonly #isPart: boolean;
  readonly #lines: LineFolds;
  #searched = "";

  constructor(isPart: boolean, lines: LineFolds) {
    this.#isPart = isPart;
    this.#lines = lines;
    for (const entry of document.querySelectorAll<HTMLElement>("article.node")) {
      this.#byName.set(entry.dataset["container"] ?? "", entry);
    }
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  get(name: string): HTMLElement | undefined {
    return this.#byName.get(name);
  }

  /** Returns all entries; their ids are their positions. */
  all(): Iterable<HTMLElement> {
    return this.#byName.values();
  }

  /** Shows the present state of a container. */
  show(container: ContainerReport, nowMs: number): void {
    if (container.removedAt !== null) {
      this.remove(container.name);
      this.#showGone(container, nowMs);
      return;
    }
    this.#goneItem(container.name)?.remove();
    const present = this.#byName.get(container.name);
    if (present === undefined && this.#isPart) return;
    const withLines = (unit: UnitReport): UnitReport => ({
      ...unit,
      ...this.#lines.of(container.name, unit.name),
    });
    const { failing, restarted, others } = sortedUnits(container.units.map(withLines));
    const more = present?.querySelector<HTMLDetailsElement>("details.more");
    const isFolded = more?.open !== true && more?.dataset["more"] !== "here";
    const options: NodeViewOptions = {
      container,
      failing: failing.slice(0, MAX_FAILING),
      failingCount: failing.length,
      restarted: restarted.slice(0, MAX_FAILING),
      restartedCount: restarted.length,
      pastCount: others.filter(hasPast).length,
      others: isFolded ? undefined : others,
      nowMs,
    };
    const wanted = nodeEntry(options);
    const entry = present ?? toDom(wanted);
    if (present !== undefined) patch(present, wanted);
    this.#byName.set(container.name, entry);
    this.#place(entry);
    this.#hide(entry);
    this.count();
    this.#lines.refresh(entry, container.units);
  }

  #goneItem(name: string): Element | undefined {
    return [...(this.#gone?.children ?? [])].find(
      (item) => item.getAttribute("data-gone") === name,
    );
  }

  #showGone(container: ContainerReport, nowMs: number): void {
    if (this.#isPart) return;
    const wanted = goneItem(container, nowMs);
    const present = this.#goneItem(container.name);
    if (present !== undefined) patch(present, wanted);
    else this.#gone?.prepend(toDom(wanted));
    if ((this.#gone?.childElementCount ?? 0) > MAX_GONE) this.#gone?.lastElementChild?.remove();
  }

  /** Returns the number of all entries, and of those in trouble. */
  numbers(): { readonly entries: number; readonly troubled: number } {
    return { entries: this.#byName.size, troubled: this.#trouble.childElementCount };
  }

  remove(name: string): void {
    this.#byName.get(name)?.remove();
    this.#byName.delete(name);
    this.count();
  }

  /** Shows only the containers whose names, cluster or image contain this text. */
  search(text: string): void {
    this.#searched = text.trim().toLowerCase();
    for (const entry of this.#byName.values()) this.#hide(entry);
    const fold = document.querySelector<HTMLDetailsElement>("#rest > details");
    if (fold !== null && this.#searched !== "") fold.open = true;
    this.count();
  }

  /** Shows the number of entries of each list, and of those that the search found. */
  count(): void {
    for (const list of [this.#trouble, this.#rest]) {
      const shown = list.closest("section")?.querySelector(".count");
      const number = this.#numberOf(list);
      if (shown instanceof HTMLElement && shown.textContent !== number) shown.textContent = number;
    }
  }

  #numberOf({ children }: Element): string {
    if (this.#searched === "") return String(children.length);
    const shown = [...children].filter((entry) => !entry.hasAttribute("hidden"));
    return `${shown.length} of ${children.length}`;
  }

  #hide(entry: HTMLElement): void {
    entry.hidden = this.#searched !== "" && !(entry.dataset["find"] ?? "").includes(this.#searched);
  }

  /** Moves an entry to its place in the order. Doesn't touch it if it is there, so it keeps its focus. */
  #place(entry: HTMLElement): void {
    const level = entry.dataset["level"];
    const list = level === "failing" || level === "warning" ? this.#trouble : this.#rest;
    const { previousElementSibling: before, nextElementSibling: after } = entry;
    const isInOrder =
      entry.parentElement === list &&
      (before === null || orderOf(before) <= orderOf(entry)) &&
      (after === null || orderOf(entry) <= orderOf(after));
    if (isInOrder) return;
    const focused = entry.contains(document.activeElement) ? document.activeElement : null;
    const next = [...list.children].find(
      (other) => other !== entry && orderOf(other) > orderOf(entry),
    );
    list.insertBefore(entry, next ?? null);
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

function listOf(section: string): Element {
  const list = document.querySelector(`#${section} .nodes`);
  if (list === null) throw new Error(`the page has no list ${section}`);
  return list;
}

function orderOf(entry: Element): string {
  return entry.getAttribute("data-order") ?? "";
}
