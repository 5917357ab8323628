import type {
  ContainerReport,
  RecentCount,
  SystemdReport,
  Time,
  TroubleReport,
  UnitReport,
} from "../../domain/status.ts";
import { exitCodeText } from "../../domain/exit-status.ts";
import { h } from "./element.ts";
import type { Child, VElement } from "./element.ts";
import { age, bytesText, count, positionOf, spanText } from "./format.ts";
import { endText, hasPast, isUnusual, LEVELS, unitLevel } from "./trouble.ts";
import { timeline } from "./timeline.ts";
import { unitTable } from "./unit-table.ts";

type Facts = Omit<ContainerReport, "units">;

/** A container, with as many units as are shown. */
export interface NodeViewOptions {
  readonly container: Facts;
  /** Its failing units that are shown. */
  readonly failing: readonly UnitReport[];
  readonly failingCount: number;
  /** Its units that restarted lately and are shown. */
  readonly restarted: readonly UnitReport[];
  readonly restartedCount: number;
  /** Number of its other units that failed or restarted while unitwatch watched them. */
  readonly pastCount: number;
  /** All its other units; undefined if the browser requests them later. */
  readonly others: readonly UnitReport[] | undefined;
  readonly nowMs: number;
}

/** Sorts the units of a report into failing ones, those that restarted lately, and other ones. */
export function sortedUnits(units: readonly UnitReport[]): {
  readonly failing: UnitReport[];
  readonly restarted: UnitReport[];
  readonly others: UnitReport[];
} {
  const failing: UnitReport[] = [];
  const restarted: UnitReport[] = [];
  const others: UnitReport[] = [];
  for (const unit of units) {
    const level = unitLevel(unit);
    (level === "failing" ? failing : level === "warning" ? restarted : others).push(unit);
  }
  const rank = (unit: UnitReport): number =>
    isUnusual(unit) || hasPast(unit) ? 0 : unitLevel(unit) === "fine" ? 1 : 2;
  const byName = (a: UnitReport, b: UnitReport): number => (a.name < b.name ? -1 : 1);
  return {
    failing: failing.sort(byName),
    restarted: restarted.sort(byName),
    others: others.sort((a, b) => rank(a) - rank(b) || byName(a, b)),
  };
}

/** Returns the sort key of an entry: the worst first, then by cluster and name. */
export function orderOf(
  { level }: TroubleReport,
  { cluster, node, name }: Pick<Facts, "cluster" | "node" | "name">,
): string {
  const padded = (text: string): string =>
    text.replaceAll(/\d+/g, (digits) => digits.padStart(8, "0"));
  return [LEVELS.indexOf(level), padded(cluster), padded(node), name].join("\t");
}

/** Returns the entry of a container: its problems are visible, the rest is folded. */
export function nodeEntry(options: NodeViewOptions): VElement {
  const { container, failing, failingCount, restarted, restartedCount, others, nowMs } = options;
  const { trouble } = container;
  const position = positionOf(container);
  const { name, node, cluster, image } = container;
  const more = (number: number, what: string): Child =>
    number > 0 && h("p", { class: "aside" }, `and ${count(number, what)}`);
  return h(
    "article",
    {
      id: position,
      class: "node",
      tabindex: "-1",
      "data-container": name,
      "data-level": trouble.level,
      "data-order": orderOf(trouble, container),
      "data-find": [node, cluster, name, image].join(" ").toLowerCase(),
    },
    h(
      "header",
      {},
      h("h3", {}, h("a", { href: `#${position}` }, h("bdi", {}, node))),
      cluster !== "" && h("span", { class: "cluster" }, h("bdi", {}, cluster)),
      h("span", { class: "chips" }, chips(container)),
      trouble.reasons.length > 0 && h("span", { class: "reasons" }, reasons(container, nowMs)),
    ),
    failing.length > 0 && unitTable("Failed units", container, { units: failing, nowMs }),
    more(failingCount - failing.length, "more failed unit"),
    restarted.length > 0 && unitTable("Restarted lately", container, { units: restarted, nowMs }),
    more(restartedCount - restarted.length, "more restarted unit"),
    h(
      "details",
      { class: "more", "data-more": others === undefined ? "wanted" : "here" },
      h("summary", {}, summaryOf(options)),
      others === undefined
        ? h(
            "p",
            {},
            h("a", { href: `./?container=${encodeURIComponent(name.toWellFormed())}` }, "Details"),
          )
        : [
            nodeTimeline(container, nowMs),
            facts(container, nowMs),
            others.length > 0 && unitTable("Other units", container, { units: others, nowMs }),
          ],
    ),
  );
}

/** Returns the problems of a container, and when the last exit, restart or OOM kill of these was. */
function reasons(container: Facts, nowMs: number): Child {
  const { trouble, recent } = container;
  const last = Object.values(recent).map((each) => each?.lastAt ?? "");
  const newest = last.reduce((a, b) => (a > b ? a : b), "");
  return [
    trouble.reasons.map((reason, at) => {
      const since = sinceOf(reason, container);
      const isLong = since !== null && [" for ", age(since, nowMs)];
      return [at === 0 ? "" : " · ", reason, isLong];
    }),
    newest !== "" && [", last ", age(newest, nowMs), " ago"],
  ];
}

/** Returns since when a problem is there; null if it is of a moment, or unknown. */
function sinceOf(reason: string, { healthSince, pausedSince, finishedAt }: Facts): Time | null {
  if (reason === "unhealthy") return healthSince;
  if (reason === "paused") return pausedSince;
  return reason === "dead" ? finishedAt : null;
}

/** Returns how often each kind of trouble happened in the last 15 minutes; undefined if none did. */
function recentText({ recent }: Facts): string | undefined {
  const text = (recentCount: RecentCount | null, what: string): string =>
    recentCount === null ? "" : count(recentCount.count, what);
  const parts = [
    text(recent.restarts, "restart"),
    text(recent.failedExits, "failed exit"),
    text(recent.oomKills, "OOM kill"),
  ].filter((part) => part !== "");
  return parts.length === 0 ? undefined : parts.join(", ");
}

function chips({ isHost, status, health, systemd }: Facts): Child[] {
  const chip = (word: string, level: string): VElement =>
    h("span", { class: "chip", "data-level": level }, word);
  const list: VElement[] = isHost ? [chip("host", "idle")] : [];
  if (status !== "running") {
    const isBad = status === "dead" || status === "restarting";
    list.push(chip(status, isBad ? "failing" : status === "paused" ? "warning" : "idle"));
  }
  if (health !== null) {
    list.push(
      chip(health, health === "unhealthy" ? "failing" : health === "healthy" ? "fine" : "idle"),
    );
  }
  if (systemd !== null) {
    const state = systemd.state ?? (systemd.up ? "watched" : "not watched");
    const isBad = state === "degraded" || state === "maintenance";
    list.push(
      chip(systemd.up ? state : "not watched", isBad ? "failing" : systemd.up ? "fine" : "warning"),
    );
  } else if (status === "running") list.push(chip("running", "fine"));
  return list;
}

/** Returns a line about the container, the summary of its fold. */
function summaryOf({ container, pastCount, nowMs }: NodeViewOptions): Child[] {
  const { systemd, status, startedAt, restarts, image } = container;
  const parts: Child[][] = [];
  if (systemd !== null) {
    const { active = 0 } = systemd.units;
    const all = Object.values(systemd.units).reduce((sum, units) => sum + units, 0);
    parts.push([`${count(active, "unit")} of ${all} active`]);
  }
  if (pastCount > 0) parts.push([`${count(pastCount, "unit")} failed or restarted before`]);
  if (status === "running" && startedAt !== null) parts.push(["up ", age(startedAt, nowMs)]);
  if (restarts > 0) parts.push([`restarted ${restarts} ×`]);
  if (image !== "") parts.push([h("bdi", {}, image)]);
  return parts.map((part, index) => [index === 0 ? "" : " · ", part]);
}

function nodeTimeline({ node, history, systemd, status }: Facts, nowMs: number): Child {
  const state = (status === "running" && systemd?.state) || status;
  return history !== undefined && timeline({ name: node, history, isNode: true, state, nowMs });
}

function facts(container: Facts, nowMs: number): VElement {
  const { name, id, image, runtime, status, exitCode, startedAt, finishedAt, systemd } = container;
  const { countingSince, memoryLimitBytes, health, healthSince, pausedSince } = container;
  const fact = (term: string, ...value: Child[]): VElement =>
    h("div", {}, h("dt", {}, term), h("dd", {}, value));
  const recent = recentText(container);
  const ended = finishedAt !== null && [" ", age(finishedAt, nowMs), " ago"];
  const systemdParts = systemd !== null && systemdFacts(systemd, { fact, nowMs });
  if (container.isHost) return h("dl", { class: "facts" }, systemdParts);
  return h(
    "dl",
    { class: "facts" },
    fact("Container", h("bdi", {}, name)),
    fact("Id", id.slice(0, 12)),
    image !== "" && fact("Image", h("bdi", {}, image)),
    fact("State", `${status} (${runtime})`),
    startedAt !== null && fact("Started", age(startedAt, nowMs), " ago"),
    (exitCode !== null || finishedAt !== null) &&
      fact("Last exit", `code ${exitText(container)}${endText(container)}`, ended),
    fact("Restarts", restartsText(container)),
    countingSince !== null && fact("Counted for", age(countingSince, nowMs)),
    recent !== undefined && fact("Last 15 minutes", recent),
    container.unknown?.includes("oom") !== true && fact("Out of memory", oomText(container, nowMs)),
    memoryLimitBytes !== null && fact("Memory limit", bytesText(memoryLimitBytes)),
    health !== null &&
      healthSince !== null &&
      fact("Health", `${health} for `, age(healthSince, nowMs)),
    pausedSince !== null && fact("Paused for", age(pausedSince, nowMs)),
    systemdParts,
  );
}

function restartsText({ restarts, starts, unknown }: Facts): string {
  const observed = `${starts} starts observed`;
  return unknown?.includes("restarts") === true
    ? observed
    : `${restarts} by restart policy, ${observed}`;
}

function oomText({ oomKilled, lastOom }: Facts, nowMs: number): Child {
  if (lastOom === null) return oomKilled ? "yes, since its last start" : "no";
  const { units } = lastOom;
  const killed = units.length > 0 && [", killed ", h("bdi", {}, units.join(", "))];
  return [oomKilled ? "" : "before its last start, ", age(lastOom.at, nowMs), " ago", killed];
}

function exitText({ exitCode, runsSystemd }: Facts): string {
  return exitCode === null ? "unknown" : exitCodeText(exitCode, runsSystemd);
}

function systemdFacts(
  systemd: SystemdReport,
  with_: { fact: (term: string, ...value: Child[]) => VElement; nowMs: number },
): Child[] {
  const { up, transport, since, reconnects, lagSeconds, version, state } = systemd;
  const { fact, nowMs } = with_;
  return [
    fact("systemd", [state ?? "state unknown", version !== null && `, version ${version}`]),
    fact(
      "Watch",
      up
        ? `over ${transport ?? "?"}`
        : transport === null
          ? "not yet"
          : `lost, was over ${transport}`,
      since !== null && [", for ", age(since, nowMs)],
    ),
    fact("Reconnects", String(reconnects)),
    fact("Lag", lagSeconds === null ? "no change yet" : spanText(lagSeconds)),
  ];
}
