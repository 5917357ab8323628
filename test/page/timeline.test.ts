import { expect, test } from "@jest/globals";
import type { HistoryReport, PastChangeReport } from "../../src/domain/status.ts";
import { toHtml } from "../../src/page/html.ts";
import { pastChanges, timeline } from "../../src/page/view/timeline.ts";

const NOW = "2026-01-01T12:00:00.000000000Z";
const at = (minute: string): string => `2026-01-01T11:${minute}:00.000000000Z`;

const change = (kind: PastChangeReport["kind"], more: Partial<PastChangeReport> = {}) => ({
  kind,
  unit: "",
  count: 1,
  firstAt: at("30"),
  lastAt: more.firstAt ?? at("30"),
  previousState: null,
  state: null,
  result: null,
  ...more,
});

const drawn = (
  history: HistoryReport,
  more: { readonly isNode?: boolean; readonly state?: string | null } = {},
): string =>
  toHtml(
    timeline({
      name: "a.service",
      history,
      isNode: false,
      state: null,
      nowMs: Date.parse(NOW),
      ...more,
    }),
  );

/** Returns level, position, width and title of the rectangles, without the ticks. */
const rects = (html: string): unknown[] =>
  [...html.matchAll(/<rect ([^>]*data-level[^>]*)><title>([^<]*)</g)].map(
    ([, text = "", title]) => {
      const [level, x, width] = ["data-level", "x", "width"].map(
        (name) => new RegExp(`(?:^| )${name}="([^"]*)"`).exec(text)?.[1],
      );
      return [text.startsWith("class") ? "mark" : "band", level, Number(x), Number(width), title];
    },
  );

test("draws the states of an hour as bands, and failures and restarts as marks", () => {
  const html = drawn(
    {
      since: at("00"),
      changes: [
        change("unit.failed", { state: "failed", previousState: "active", result: "signal" }),
        change("unit.restart", { firstAt: at("45"), state: "activating", previousState: "failed" }),
        change("unit.active", { firstAt: at("45"), state: "active", previousState: "activating" }),
      ],
    },
    { state: "active" },
  );
  expect(rects(html)).toEqual([
    ["band", "fine", 0, 360, "active"],
    ["band", "failing", 360, 180, "failed"],
    ["band", "fine", 540, 180, "active"],
    ["mark", "failing", 360, 3, "11:30:00.000 unit.failed signal"],
    ["mark", "warning", 540, 3, "11:45:00.000 unit.restart"],
  ]);
  expect(html).toContain(
    "<title>Last hour of a.service: 1 failure, 1 restart, 1 other change</title>",
  );
  expect(html).toContain('role="img"');
});

test("draws no state before it is known, and says since when", () => {
  const html = drawn({ since: at("45"), changes: [] }, { state: "failed" });
  expect(rects(html)).toEqual([["band", "failing", 540, 180, "failed"]]);
  expect(html).toContain("no change, known since 11:45:00 UTC");
});

test("draws no state over another when changes were missed, and found since it began", () => {
  const html = drawn(
    {
      since: at("45"),
      changes: [
        change("unit.failed", { firstAt: at("15"), previousState: "active", state: "failed" }),
        change("unit.active", { firstAt: at("30"), previousState: "failed", state: "active" }),
      ],
    },
    { state: "active" },
  );
  expect(rects(html).slice(0, 2)).toEqual([
    ["band", "failing", 180, 180, "failed"],
    ["band", "fine", 360, 360, "active"],
  ]);
});

test("draws repeated failures as one mark as wide as their time", () => {
  const loop = change("unit.failed", { count: 90, firstAt: at("15"), lastAt: at("30") });
  expect(rects(drawn({ since: at("00"), changes: [loop] }))).toEqual([
    ["mark", "failing", 180, 180, "11:15:00.000–11:30:00.000 unit.failed × 90"],
  ]);
});

test("draws in a node's history its own states, and marks exits by their code", () => {
  const changes = [
    change("unit.failed", { unit: "b.service", firstAt: at("15"), state: "failed" }),
    change("container.die", { result: "0", state: "exited" }),
    change("container.start", { firstAt: at("45"), state: "running" }),
    change("container.die", { firstAt: at("45"), state: "exited", result: "137" }),
  ];
  const html = drawn({ since: at("00"), changes }, { isNode: true, state: "exited" });
  expect(rects(html)).toEqual([
    ["band", "idle", 360, 180, "exited"],
    ["band", "idle", 540, 180, "exited"],
    ["mark", "failing", 180, 3, "11:15:00.000 unit.failed b.service"],
    ["mark", "warning", 360, 3, "11:30:00.000 container.die 0"],
    ["mark", "failing", 540, 3, "11:45:00.000 container.die 137"],
  ]);
});

test("lists changes with their counts and times", () => {
  const html = toHtml(
    pastChanges([
      change("system.state", { previousState: "running", state: "degraded" }),
      change("unit.failed", { unit: "b<b>", count: 7, result: "signal", lastAt: at("31") }),
    ]),
  );
  expect(html.replaceAll(/<\/li>/g, "\n").replaceAll(/<[^>]*>/g, "")).toBe(
    "11:30:00.000 system.state running → degraded\n" +
      "11:30:00.000–11:31:00.000 unit.failed × 7 b&lt;b&gt; signal\n",
  );
});
