import { exitCodeText } from "../../domain/exit-status.ts";
import type { ContainerReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { VElement } from "./element.ts";
import { age, positionOf } from "./format.ts";
import { endText } from "./trouble.ts";

type Facts = Omit<ContainerReport, "units">;

/** Removed containers that are shown. */
export const MAX_GONE = 50;

/** Returns a line about a container that is removed: when, and how it had ended. */
export function goneItem(container: Facts, nowMs: number): VElement {
  const { name, cluster, removedAt, exitCode, runsSystemd, unknown } = container;
  const exit =
    exitCode === null
      ? ""
      : `, had exited with code ${exitCodeText(exitCode, runsSystemd)}${endText(container)}`;
  return h(
    "li",
    { id: positionOf(container), "data-gone": name, tabindex: "-1" },
    h("b", {}, h("bdi", {}, name)),
    cluster !== "" && [" ", h("span", { class: "aside" }, h("bdi", {}, cluster))],
    // Without an engine it may still exist.
    unknown !== undefined ? " ended" : " was removed",
    removedAt !== null && [" ", age(removedAt, nowMs), " ago"],
    exit,
  );
}
