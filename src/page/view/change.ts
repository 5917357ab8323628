import type { EventReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { VElement } from "./element.ts";
import { clockTime, placeOf } from "./format.ts";

/** One line of the feed. */
export function changeItem(event: EventReport): VElement {
  const { kind, time, severity, node, cluster, unit, message } = event;
  const place = node === "" ? undefined : placeOf({ node, cluster }, unit);
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
      place === undefined ? message : h("a", { href: `#${place}` }, message),
    ),
  );
}
