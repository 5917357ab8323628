import type { HistoryReport, PastChangeReport, Time } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { VElement } from "./element.ts";
import { clockTime } from "./format.ts";
import { isFailure, isMark, knownText, summaryOf } from "./history-text.ts";

const HOUR_MS = 3_600_000;
/** The drawing is as many units wide, an hour; its width on the page may be any. */
const WIDTH = 720;
const HEIGHT = 26;
const BAND = { y: 14, height: 8 } as const;
const MARK = { y: 2, height: 20, width: 3 } as const;

/** Levels of states, as the colours of chips; others are idle. */
const LEVEL_OF: Readonly<Record<string, string>> = {
  active: "fine",
  running: "fine",
  activating: "warning",
  deactivating: "warning",
  reloading: "warning",
  refreshing: "warning",
  initializing: "warning",
  starting: "warning",
  paused: "warning",
  failed: "failing",
  degraded: "failing",
  maintenance: "failing",
};

interface Shown {
  /** Name of the unit or node. */
  readonly name: string;
  readonly history: HistoryReport;
  /** True if it is a node: then states of units aren't its own. */
  readonly isNode: boolean;
  /** Its present state; null if unknown. */
  readonly state: string | null;
  readonly nowMs: number;
}

/** Returns the last hour as a drawing, with what it shows in words. */
export function timeline(shown: Shown): VElement {
  const { name, history, nowMs } = shown;
  const startMs = nowMs - HOUR_MS;
  const x = (ms: number): number => {
    const part = (Math.min(Math.max(ms, startMs), nowMs) - startMs) / HOUR_MS;
    return Math.round(part * WIDTH * 10) / 10;
  };
  const words = summaryOf(history.changes);
  return h(
    "figure",
    { class: "timeline" },
    h(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
      },
      h("title", {}, `Last hour of ${name}: ${words}`),
      [15, 30, 45].map((minutes) => {
        return h("rect", {
          class: "tick",
          x: (WIDTH * minutes) / 60,
          y: 0,
          width: 1,
          height: HEIGHT,
        });
      }),
      bands(shown).map(({ fromMs, toMs, state }) => {
        const level = LEVEL_OF[state] ?? "idle";
        const width = Math.max(x(toMs) - x(fromMs), 1).toFixed(1);
        const title = h("title", {}, state);
        return h("rect", { "data-level": level, x: x(fromMs), width, ...BAND }, title);
      }),
      history.changes.filter(isMark).map((change) => {
        const from = x(msOf(change.firstAt));
        const width = Math.max(x(msOf(change.lastAt)) - from, MARK.width);
        const at = Math.min(from, WIDTH - width);
        const level = isFailure(change) ? "failing" : "warning";
        const title = h("title", {}, changeText(change));
        return h("rect", { class: "mark", "data-level": level, ...MARK, x: at, width }, title);
      }),
    ),
    h(
      "figcaption",
      {},
      h("span", {}, "1 h ago"),
      h("span", {}, words, knownText(history.since, startMs)),
      h("span", {}, "now"),
    ),
  );
}

/** Returns the list of changes, the oldest first. */
export function pastChanges(changes: readonly PastChangeReport[]): VElement {
  return h(
    "ol",
    {},
    changes.map((change) => {
      const { kind, unit, count: times, firstAt, lastAt, previousState, state, result } = change;
      const isSpan = firstAt !== lastAt && lastAt !== null;
      const isMove = previousState !== null && state !== null && previousState !== state;
      return h(
        "li",
        { "data-severity": isFailure(change) ? "error" : undefined },
        firstAt !== null && clockTime(firstAt),
        isSpan && ["–", clockTime(lastAt)],
        " ",
        h("span", { class: "message" }, kind),
        times > 1 && ` × ${times.toLocaleString("en-US")}`,
        unit !== "" && [" ", h("bdi", {}, unit)],
        result !== null && ` ${kind === "container.die" ? "code " : ""}${result}`,
        kind === "system.state" &&
          state !== null &&
          ` ${isMove ? `${previousState} → ` : ""}${state}`,
      );
    }),
  );
}

function msOf(time: Time | null): number {
  return time === null ? 0 : Date.parse(time);
}

function changeText({
  kind,
  unit,
  count: times,
  firstAt,
  lastAt,
  result,
}: PastChangeReport): string {
  const at = [firstAt, lastAt].map((time) => time?.slice(11, 23) ?? "");
  const when = at[0] === at[1] ? at[0] : at.join("–");
  const what = [kind, unit, result ?? ""].filter((part) => part !== "").join(" ");
  return `${when} ${what}${times > 1 ? ` × ${times}` : ""}`;
}

interface Band {
  readonly fromMs: number;
  readonly toMs: number;
  readonly state: string;
}

/** Returns the states in turn, as far as they are known. */
function bands({ history, isNode, state: present, nowMs }: Shown): Band[] {
  const found: Band[] = [];
  let fromMs = Math.max(msOf(history.since), nowMs - HOUR_MS);
  let state: string | null = null;
  const isState = ({ kind, state: after }: PastChangeReport): boolean =>
    after !== null && kind !== "container.health" && !(isNode && kind.startsWith("unit."));
  const changes = history.changes.filter(isState);
  // Changes that were missed and found later are older than what is known as a whole.
  if (changes[0] !== undefined) fromMs = Math.min(fromMs, msOf(changes[0].firstAt));
  for (const { firstAt, lastAt, previousState, state: after } of changes) {
    const before = state ?? previousState;
    const atMs = msOf(firstAt);
    if (before !== null && atMs > fromMs) found.push({ fromMs, toMs: atMs, state: before });
    fromMs = Math.max(atMs, msOf(lastAt));
    if (after !== null && fromMs > atMs) found.push({ fromMs: atMs, toMs: fromMs, state: after });
    state = after;
  }
  const last = changes.length === 0 ? present : (present ?? state);
  if (last !== null && nowMs > fromMs) found.push({ fromMs, toMs: nowMs, state: last });
  return found;
}
