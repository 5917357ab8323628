import type { Articles } from "./articles.ts";

/** Goes to the node, and its unit, that the address names after `#`; to be called again when it may have come. */
export class Places {
  readonly #articles: Articles;
  readonly #wanted: (container: string) => void;
  /** What the address names and isn't on the page yet. */
  #pending = true;

  /** @param wanted asks for all of a container */
  constructor(articles: Articles, wanted: (container: string) => void) {
    this.#articles = articles;
    this.#wanted = wanted;
    globalThis.addEventListener("hashchange", () => {
      this.#pending = true;
      this.go();
    });
  }

  go(): void {
    const place = new URLSearchParams(location.hash.slice(1));
    const node = place.get("node");
    if (!this.#pending || node === null) return;
    const article = this.#articleOf(node, place.get("cluster"));
    if (article === undefined) return;
    const fold = article.closest("details");
    if (fold !== null) fold.open = true;
    article.hidden = false;
    const unit = place.get("unit");
    if (unit === null) {
      this.#reach(article);
      return;
    }
    const more = article.querySelector<HTMLDetailsElement>("details.more");
    const row = rowOf(article, unit);
    if (row === undefined) {
      if (more?.dataset["more"] === "wanted") {
        more.open = true;
        this.#wanted(article.dataset["container"] ?? "");
      } else this.#reach(article);
      return;
    }
    if (more?.contains(row) === true) more.open = true;
    this.#reach(row);
  }

  #articleOf(node: string, cluster: string | null): HTMLElement | undefined {
    const exact = this.#articles.get(node);
    if (exact !== undefined && cluster === null) return exact;
    for (const article of this.#articles.all()) {
      const place = new URLSearchParams(article.id);
      const isOfCluster = cluster === null || (place.get("cluster") ?? "") === cluster;
      if (place.get("node") === node && isOfCluster) return article;
    }
    return exact;
  }

  #reach(element: HTMLElement): void {
    this.#pending = false;
    for (const marked of document.querySelectorAll(".reached")) marked.classList.remove("reached");
    element.classList.add("reached");
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  }
}

function rowOf(article: HTMLElement, unit: string): HTMLElement | undefined {
  for (const row of article.querySelectorAll<HTMLElement>("tbody tr")) {
    if (new URLSearchParams(row.id).get("unit") === unit) return row;
  }
  return undefined;
}
