import type { ContainerReport } from "../../domain/status.ts";
import { nodeArticle, sortedUnits } from "../view/node.ts";
import type { NodeViewOptions } from "../view/node.ts";
import { hasPast } from "../view/trouble.ts";
import { patch, toDom } from "./dom.ts";

/** Failing units of one container that are shown. */
const MAX_FAILING = 200;

/** The articles of the containers: those in trouble in one list, all others in another. */
export class Articles {
  readonly #trouble = listOf("trouble");
  readonly #rest = listOf("rest");
  readonly #byName = new Map<string, HTMLElement>();
  readonly #isPart: boolean;
  #wanted = "";

  constructor(isPart: boolean) {
    this.#isPart = isPart;
    for (const article of document.querySelectorAll<HTMLElement>("article.node")) {
      this.#byName.set(article.dataset["container"] ?? "", article);
    }
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  get(name: string): HTMLElement | undefined {
    return this.#byName.get(name);
  }

  /** All articles, with what tells their places. */
  all(): Iterable<HTMLElement> {
    return this.#byName.values();
  }

  /** Shows a container as it is now. */
  show(container: ContainerReport, nowMs: number): void {
    if (container.removedAt !== null) {
      this.remove(container.name);
      return;
    }
    const present = this.#byName.get(container.name);
    if (present === undefined && this.#isPart) return;
    const { failing, others } = sortedUnits(container.units);
    const more = present?.querySelector<HTMLDetailsElement>("details.more");
    const isFolded = more?.open !== true && more?.dataset["more"] !== "here";
    const options: NodeViewOptions = {
      container,
      failing: failing.slice(0, MAX_FAILING),
      failingCount: failing.length,
      pastCount: others.filter(hasPast).length,
      others: isFolded ? undefined : others,
      nowMs,
    };
    const wanted = nodeArticle(options);
    const article = present ?? toDom(wanted);
    if (present !== undefined) patch(present, wanted);
    this.#byName.set(container.name, article);
    this.#place(article);
    this.#hide(article);
    this.count();
  }

  remove(name: string): void {
    this.#byName.get(name)?.remove();
    this.#byName.delete(name);
    this.count();
  }

  /** Shows only those whose names, cluster or image have this text. */
  find(text: string): void {
    this.#wanted = text.trim().toLowerCase();
    for (const article of this.#byName.values()) this.#hide(article);
    const fold = document.querySelector<HTMLDetailsElement>("#rest > details");
    if (fold !== null && this.#wanted !== "") fold.open = true;
    this.count();
  }

  /** Tells how many there are in each list, and how many of them are shown where some aren't. */
  count(): void {
    for (const list of [this.#trouble, this.#rest]) {
      const shown = list.closest("section")?.querySelector(".count");
      const number = this.#numberOf(list);
      if (shown instanceof HTMLElement && shown.textContent !== number) shown.textContent = number;
    }
  }

  #numberOf({ children }: Element): string {
    if (this.#wanted === "") return String(children.length);
    const shown = [...children].filter((article) => !article.hasAttribute("hidden"));
    return `${shown.length} of ${children.length}`;
  }

  #hide(article: HTMLElement): void {
    article.hidden = this.#wanted !== "" && !(article.dataset["find"] ?? "").includes(this.#wanted);
  }

  /** Puts an article where it belongs by now; it isn't touched where it is there already. */
  #place(article: HTMLElement): void {
    const level = article.dataset["level"];
    const list = level === "failing" || level === "warning" ? this.#trouble : this.#rest;
    const { previousElementSibling: before, nextElementSibling: after } = article;
    const isInOrder =
      article.parentElement === list &&
      (before === null || orderOf(before) <= orderOf(article)) &&
      (after === null || orderOf(article) <= orderOf(after));
    if (isInOrder) return;
    const focused = article.contains(document.activeElement) ? document.activeElement : null;
    const next = [...list.children].find(
      (other) => other !== article && orderOf(other) > orderOf(article),
    );
    list.insertBefore(article, next ?? null);
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

function listOf(section: string): Element {
  const list = document.querySelector(`#${section} .nodes`);
  if (list === null) throw new Error(`the page has no list ${section}`);
  return list;
}

function orderOf(article: Element): string {
  return article.getAttribute("data-order") ?? "";
}
