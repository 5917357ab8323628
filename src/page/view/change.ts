import type { EventReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { VElement } from "./element.ts";
import { clockTime, positionOf } from "./format.ts";

/** Returns a line of the feed. */
export function changeItem(event: EventReport): VElement {
  const { kind, time, severity, node, cluster, unit, message } = event;
  const position = node === "" ? undefined : positionOf({ node, cluster }, unit);
  return h(
    "li",
    {
      "data-severity": severity.toLowerCase(),
      "data-find": [kind, node, cluster, event.container, unit, message].join(" ").toLowerCase(),
    },
    time === null ? h("span", {}, "") : clockTime(time),
    " ",
    h("span", { class: "kind" }, kind),
    " ",
    h(
      "bdi",
      { class: "message" },
      position === undefined ? message : h("a", { href: `#${position}` }, message),
    ),
  );
}
