import type { Entries } from "./entries.ts";

/** Scrolls to the node, or its unit, that the address names after `#`. */
export class Positions {
  readonly #entries: Entries;
  readonly #request: (container: string) => void;
  /** True until the position that the address names is reached. */
  #isPending = true;

  /** @param request requests all units of a container; the caller calls `go` when they are shown */
  constructor(entries: Entries, request: (container: string) => void) {
    this.#entries = entries;
    this.#request = request;
    globalThis.addEventListener("hashchange", () => {
      this.#isPending = true;
      this.go();
    });
  }

  /** Scrolls to a pending position, if it is on the page by now. */
  go(): void {
    const position = new URLSearchParams(location.hash.slice(1));
    const node = position.get("node");
    if (!this.#isPending || node === null) return;
    const entry = this.#entryOf(node, position.get("cluster"));
    if (entry === undefined) return;
    const fold = entry.closest("details");
    if (fold !== null) fold.open = true;
    entry.hidden = false;
    const unit = position.get("unit");
    if (unit === null) {
      this.#reach(entry);
      return;
    }
    const more = entry.querySelector<HTMLDetailsElement>("details.more");
    const row = rowOf(entry, unit);
    if (row === undefined) {
      if (more?.dataset["more"] === "wanted") {
        more.open = true;
        this.#request(entry.dataset["container"] ?? "");
      } else this.#reach(entry);
      return;
    }
    if (more?.contains(row) === true) more.open = true;
    this.#reach(row);
  }

  #entryOf(node: string, cluster: string | null): HTMLElement | undefined {
    const exact = this.#entries.get(node);
    if (exact !== undefined && cluster === null) return exact;
    for (const entry of this.#entries.all()) {
      const position = new URLSearchParams(entry.id);
      const isOfCluster = cluster === null || (position.get("cluster") ?? "") === cluster;
      if (position.get("node") === node && isOfCluster) return entry;
    }
    return exact;
  }

  #reach(element: HTMLElement): void {
    this.#isPending = false;
    for (const marked of document.querySelectorAll(".reached")) marked.classList.remove("reached");
    element.classList.add("reached");
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  }
}

function rowOf(entry: HTMLElement, unit: string): HTMLElement | undefined {
  for (const row of entry.querySelectorAll<HTMLElement>("tbody tr")) {
    if (new URLSearchParams(row.id).get("unit") === unit) return row;
  }
  return undefined;
}
