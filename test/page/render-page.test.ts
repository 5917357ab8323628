import { expect, test } from "@jest/globals";
import { assetOf, CLIENT_MODULES } from "../../src/page/assets.ts";
import { MAX_ENTRIES, writePage } from "../../src/page/render-page.ts";
import { ChangeHistory } from "../../src/state/units/change-history.ts";
import { StatusFleet } from "../support/status-fleet.ts";

const pageOf = async (made: StatusFleet, ...names: string[]): Promise<string> =>
  (await made.status.routes.page(names.length === 0 ? undefined : names)).toString();

const namesIn = (html: string): string[] =>
  [...html.matchAll(/data-container="([^"]*)"/g)].map(([, name = ""]) => name);

test("escapes everything that comes from containers", async () => {
  const made = new StatusFleet();
  const evil = `"><script>alert(1)</script>'\u202E`;
  const labels = { "com.docker.compose.project": evil, image: evil };
  const record = made.node(`x${evil}`, { units: 1, labels });
  made.fails(record, `${evil}.service`, { result: evil });
  record.systemd.take({ kind: "manager", version: evil, timeNs: 1n });
  const html = await pageOf(made);
  expect(html.match(/<script[^>]*>/g)).toEqual([
    expect.stringMatching(/^<script type="module" src="\.\/-\/page\/client\/main\.[tj]s">$/),
  ]);
  expect(html).not.toContain("alert(1)</script>");
  expect(
    html.replaceAll(/data-(?:container|order|find|fold|lines|key)="[^"]*"/g, ""),
  ).not.toContain("\u202E");
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
});

test("sorts by level, then by name in natural order", async () => {
  const made = new StatusFleet();
  for (const name of ["node-10", "node-9", "bad-10", "bad-9"]) {
    const record = made.node(name, { units: 1 });
    if (name.startsWith("bad")) made.fails(record, "a.service");
  }
  made.happens("start", "done");
  made.happens("die", "done", { exitCode: "0" });
  made.node("lost", { units: 1 }).systemd.lost();
  expect(namesIn(await pageOf(made))).toEqual([
    "bad-9",
    "bad-10",
    "lost",
    "node-9",
    "node-10",
    "done",
  ]);
});

test("leaves out removed containers", async () => {
  const made = new StatusFleet();
  made.happens("start", "gone");
  made.happens("destroy", "gone");
  expect(namesIn(await pageOf(made))).toEqual([]);
});

test("lists removed containers with what ended them", async () => {
  const made = new StatusFleet();
  made.happens("start", "gone");
  made.happens("kill", "gone", { signal: "9" });
  made.happens("die", "gone", { exitCode: "137" });
  made.happens("destroy", "gone");
  const [, items = ""] = /<section id="gone".*?<ul>(.*?)<\/ul>/s.exec(await pageOf(made)) ?? [];
  expect(items.replaceAll(/<[^>]*>/g, "")).toBe(
    "gone was removed 0 s ago, had exited with code 137 (SIGKILL): killed on request by SIGKILL",
  );
});

test("bounds the page, and shows how much is missing", async () => {
  const made = new StatusFleet();
  for (let i = 0; i < MAX_ENTRIES + 2; i += 1) made.happens("start", `c-${i}`);
  const worst = made.node("worst", { units: 5_000 });
  for (let i = 0; i < 60; i += 1) made.fails(worst, `failed-${i}.service`);
  const html = await pageOf(made);
  const names = namesIn(html);
  expect([names.length, names[0]]).toEqual([MAX_ENTRIES, "worst"]);
  expect(html).toContain("3 more are not on this page");
  expect(html).toContain("and 10 more failed units");
  expect(html).toContain('<a href="./?container=worst">Details</a>');
  expect(html).not.toContain("service-4999.service");
});

test("shows all units of a named container", async () => {
  const made = new StatusFleet();
  for (const name of ["a", "b"]) made.node(name, { units: 3 });
  const html = await pageOf(made, "b");
  expect(namesIn(html)).toEqual(["b"]);
  expect(html).toContain("service-2.service");
  expect(html).toContain('<details class="fold" open>');
});

test("shows the newest changes, and the id after which the feed continues", async () => {
  const made = new StatusFleet();
  const record = made.node("a", { units: 1 });
  made.fails(record, "x.service");
  const html = await pageOf(made);
  const changes = html.slice(html.indexOf('<ol id="changes"'));
  expect(changes).toMatch(/Unit x\.service in a failed: exit-code[^]*Container a started/);
  expect(html).toContain(`data-last-event-id="${made.status.routes.events.lastId}"`);
});

test("serves every asset that the page loads, and its modules import no other", async () => {
  const made = new StatusFleet();
  const html = await pageOf(made);
  const loaded = [...html.matchAll(/(?:href|src)="\.\/-\/page\/([^"]+)"/g)].map(
    ([, name = ""]) => name,
  );
  expect(new Set(loaded)).toEqual(new Set(["style.css", "icon.svg", ...CLIENT_MODULES]));
  const imported = new Set<string>();
  for (const name of loaded) {
    const asset = await assetOf(name);
    const text = asset?.body.toString() ?? "";
    expect(text).not.toBe("");
    for (const [, path = ""] of text.matchAll(/ from "([^"]+)"/g)) {
      imported.add(new URL(path, `http://a/-/page/${name}`).pathname.slice("/-/page/".length));
    }
  }
  expect([...imported].filter((name) => !CLIENT_MODULES.includes(name))).toEqual([]);
  expect(assetOf("../app.ts")).toBeUndefined();
  expect(assetOf("client/tsconfig.json")).toBeUndefined();
});

test("leaves changes to the feed when they happen while the page is written", () => {
  const made = new StatusFleet();
  const record = made.node("a", { units: 1 });
  const { events } = made.status.routes;
  const steps = writePage(
    {
      containers: () => made.fleet.containers(),
      watchesSystemd: () => true,
      lagOf: () => undefined,
      engine: () => ({ runtime: "docker", up: true, since: null, reconnects: 0, lagSeconds: null }),
      otlpQueue: () => undefined,
      lastEventId: () => events.lastId,
      lastLinesOf: () => [],
      history: new ChangeHistory(() => 1_767_225_700_000_000_001n),
      newest: (count) => events.newest(count),
      nowNs: () => 1n,
      version: "1.0.0",
      telemetryPath: "/metrics",
    },
    undefined,
  );
  steps.next();
  made.fails(record, "late.service");
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const html = step.value.toString();
  expect(html).toContain('data-find="container.start a ');
  expect(html).not.toContain('data-find="unit.failed');
});
