import { expect, test } from "@jest/globals";
import type { UnitDetails } from "../../src/domain/status.ts";
import { toHtml } from "../../src/page/html.ts";
import { unitFold } from "../../src/page/view/unit-fold.ts";
import type { FoldFacts } from "../../src/page/view/unit-fold.ts";

const NOW = "2026-01-01T12:00:00.000000000Z";

const DETAILS: UnitDetails = {
  description: "Nightly <backup>",
  command: "/usr/bin/backup",
  triggeredBy: ["backup.timer"],
  triggers: [],
  nextRunAt: "2026-01-02T02:00:00.000000000Z",
  restartPolicy: "on-failure",
  memoryBytes: 12_582_912,
  memoryPeakBytes: null,
  memoryMaxBytes: 67_108_864,
};

const foldOf = (more: Partial<FoldFacts>): string =>
  toHtml(
    unitFold(
      { name: "sind-dev-web", node: "web" },
      { name: "a.service", activeState: "failed", ...more },
      Date.parse(NOW),
    ),
  );

const factsIn = (html: string): unknown[] =>
  [...html.matchAll(/<dt>(.*?)<\/dt><dd>(.*?)<\/dd>/g)].map(([, term, value = ""]) => [
    term,
    value.replaceAll(/<[^>]*>/g, ""),
  ]);

test("shows a unit's description, program, timer with its next run, memory and limit", () => {
  expect(factsIn(foldOf({ details: DETAILS }))).toEqual([
    ["Description", "Nightly &lt;backup&gt;"],
    ["Program", "/usr/bin/backup"],
    ["Triggered by", "backup.timer"],
    ["Next run", "2026-01-02 02:00:00 UTC, in 14 h"],
    ["Restart=", "on-failure"],
    ["Memory", "12 MiB, limit 64 MiB"],
  ]);
});

test.each([
  [
    { process: "slurmd", pid: 71, limitBytes: 33_554_432, knownBy: "kernel" },
    "killed slurmd (pid 71), at a limit of 32 MiB",
  ],
  [
    { process: null, pid: null, limitBytes: null, knownBy: null },
    "killed a process, which isn&#39;t known",
  ],
] as const)("says which process of a unit was killed for lack of memory: %j", (oomKill, text) => {
  const html = foldOf({ details: DETAILS, oomKill });
  expect(factsIn(html).at(-1)).toEqual(["Out of memory", text]);
});

test("links to the JSON of the unit while nothing was requested", () => {
  const html = foldOf({});
  expect(html).toContain(
    'href="./api/v1/state?container=sind-dev-web&amp;unit=a.service">As JSON</a>',
  );
  expect(html).not.toMatch(/<svg|<ol|<dl/);
});

test("shows what else changed beside the lines, and nothing if nothing did", () => {
  const change = {
    kind: "unit.inactive",
    unit: "db.service",
    count: 1,
    firstAt: NOW,
    lastAt: NOW,
    previousState: null,
    state: "inactive",
    result: null,
  } as const;
  expect(foldOf({ lastLines: [], around: [change] })).toContain(
    "<h4>In the minute around its failure, in <bdi>web</bdi></h4>",
  );
  expect(foldOf({ lastLines: [], around: [] })).not.toContain("In the minute around");
});
