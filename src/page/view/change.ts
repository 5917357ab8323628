import { h } from "./element.ts";
import type { VElement } from "./element.ts";
import { foldKey } from "./fold.ts";
import type { FoldedChange } from "./fold.ts";
import { clockTime, positionOf } from "./format.ts";

/** Returns a line of the feed: a change, and how often the same happened before it. */
export function changeItem({ event, count, firstAt }: FoldedChange): VElement {
  const { kind, time, severity, node, cluster, unit, message } = event;
  const position = node === "" ? undefined : positionOf({ node, cluster }, unit);
  return h(
    "li",
    {
      "data-severity": severity.toLowerCase(),
      "data-find": [kind, node, cluster, event.container, unit, message].join(" ").toLowerCase(),
      "data-fold": foldKey(event),
      "data-count": count,
      "data-first": firstAt ?? "",
      "data-last": time ?? "",
    },
    time === null ? h("span", {}, "") : clockTime(time),
    " ",
    h("span", { class: "kind" }, kind),
    " ",
    h(
      "span",
      { class: "message" },
      h("bdi", {}, position === undefined ? message : h("a", { href: `#${position}` }, message)),
      count > 1 && [
        " ",
        h(
          "span",
          { class: "times" },
          `× ${count.toLocaleString("en-US")}`,
          firstAt !== null && [" since ", clockTime(firstAt)],
        ),
      ],
    ),
  );
}
