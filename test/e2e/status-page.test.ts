import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import type { Page } from "playwright-core";
import type { StatusReport } from "../../src/domain/status.ts";
import { type Browser, canBrowse, type OpenPage, startBrowser } from "../support/browser.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { containerDetails } from "../support/engine-facts.ts";
import { eventually } from "../support/eventually.ts";
import { journalLine } from "../support/journal-line.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { StatusFleet } from "../support/status-fleet.ts";
import { startStatusServer, type StatusServer } from "../support/status-server.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { slowMs } from "../support/slowness.ts";

jest.setTimeout(slowMs(300_000));

/** Label value that tries to inject markup. */
const CLUSTER = `e2epage<script>globalThis.pwned=1</script>"'><img src=x onerror=pwned=2>\u202Egnp`;
const SHOWN_CLUSTER = CLUSTER.replace("\u202E", String.raw`\u{202e}`);

/** Of the test of a large page: `UNITWATCH_PAGE_NODES`, at least 300. */
const NODES = Number(process.env["UNITWATCH_PAGE_NODES"] ?? 300);

const VICTIM = `[Unit]
Description=</script><script>globalThis.pwned=3</script>
[Service]
ExecStart=sleep infinity
`;

const describeBrowser = (await canBrowse()) ? describe : describe.skip;

describeBrowser("the status page in Chromium", () => {
  const stack = new AsyncDisposableStack();
  let browser: Browser;
  const opened: OpenPage[] = [];

  beforeAll(async () => {
    browser = stack.use(await startBrowser());
  });
  afterAll(() => stack.disposeAsync());

  // A page that stays open stays live, and takes the processor from the next test.
  let openedBefore = 0;
  beforeEach(() => void (openedBefore = opened.length));
  afterEach(async () => {
    const own = opened.slice(openedBefore);
    await Promise.all(own.map(({ page }) => page.context().close()));
  });

  async function open(url: string, options?: Parameters<Browser["visit"]>[1]): Promise<Page> {
    const made = await browser.visit(url, options);
    opened.push(made);
    if (options?.javaScriptEnabled !== false) await isLive(made.page);
    return made.page;
  }

  describeEngine("of a real node", () => {
    let node: TestNode;
    let unitwatch: Unitwatch;
    let url: string;

    beforeAll(async () => {
      const engine = attachEngine();
      const labels = { "sind.cluster": CLUSTER };
      [node, unitwatch] = await Promise.all([
        startNode(engine, {
          name: "sind-e2epage-worker-0",
          labels,
          suite: "trixie",
          unified: true,
        }),
        startUnitwatch({ host: engine.host, cluster: CLUSTER }),
      ]);
      stack.use(node);
      stack.use(unitwatch);
      url = `http://127.0.0.1:${unitwatch.port}/`;
      await node.writeUnit("victim.service", VICTIM);
      await node.startUnit("victim.service");
      await unitwatch.untilWatching(1);
    });

    test("shows a unit's failure while it is open, and its recovery", async () => {
      const page = await open(url);
      const trouble = page.getByRole("region", { name: /^Needs attention/ });
      const row = trouble.getByRole("row", { name: /victim\.service/ });
      expect(await row.count()).toBe(0);
      const seenMs = whenShown(page, "#trouble", "victim.service");
      await node.crash("victim.service");
      await row.waitFor();
      expect(await row.innerText()).toMatch(/victim\.service\s+failed\s+signal, SIGKILL/);
      const feed = page.getByRole("region", { name: "Changes" });
      const line = feed.locator("li", { hasText: "unit.failed" });
      await line.waitFor();
      const failedMs = Date.parse((await line.locator("time").getAttribute("datetime")) ?? "");
      console.info(`from the failure to the page: ${(await seenMs) - failedMs} ms`);
      await eventually(async () => (await page.title()) === "(1) unitwatch");
      const lines = trouble.getByRole("group").filter({ hasText: "Last lines" });
      await lines.getByText("Last lines and history").click();
      await lines.getByText("victim.service: Failed with result 'signal'.").waitFor();
      expect(await lines.locator("li").first().innerText()).toMatch(
        /^[\d:.]{12}\s+systemd\[1\]\s+Started /,
      );
      const drawing = lines.getByRole("img", { name: /^Last hour of victim\.service: 1 failure/ });
      await drawing.waitFor();
      const mark = 'document.querySelector("details.lines[open] svg rect.mark")';
      expect(await page.evaluate(`${mark}.getBBox().width > 0`)).toBe(true);
      await lines.locator("dd", { hasText: "globalThis.pwned=3" }).waitFor();
      await lines.getByText("running → degraded").waitFor();

      await node.systemctl("start", "victim.service");
      await row.waitFor({ state: "detached" });
      await eventually(async () => (await page.title()) === "unitwatch");
    });

    test("shows a frozen unit while it is frozen", async () => {
      const page = await open(url);
      const trouble = page.getByRole("region", { name: /^Needs attention/ });
      const entry = trouble.getByRole("article").filter({ hasText: "1 unit frozen" });
      expect(await entry.count()).toBe(0);
      await node.systemctl("freeze", "victim.service");
      await entry.waitFor();
      await entry.getByText("units of").click();
      const row = entry.getByRole("row", { name: /victim\.service/ });
      expect(await row.innerText()).toMatch(/victim\.service\s+active\s+running\s+frozen/);
      const { text } = await unitwatch.get("/api/v1/state");
      const { containers } = JSON.parse(text) as StatusReport;
      const units = containers.flatMap((each) => each.units);
      expect(units.filter(({ freezerState }) => freezerState !== null)).toMatchObject([
        { name: "victim.service", activeState: "active", freezerState: "frozen" },
      ]);
      await node.systemctl("thaw", "victim.service");
      await entry.waitFor({ state: "detached" });
    });

    test("shows a node that starts and is removed, without a reload", async () => {
      const page = await open(url);
      await page.evaluate("globalThis.isTheSame = true");
      const labels = { "sind.cluster": CLUSTER };
      const other = await startNode(attachEngine(), { name: "sind-e2epage-worker-1", labels });
      const article = page.getByRole("article").filter({ hasText: "worker-1" });
      await article.locator(".chip", { hasText: "running" }).waitFor();
      await other.remove();
      await article.waitFor({ state: "detached" });
      expect(await page.evaluate("'isTheSame' in globalThis")).toBe(true);
    });

    test("is a snapshot without JavaScript, with the linked part unfolded", async () => {
      const state = JSON.parse((await unitwatch.get("/api/v1/state")).text) as StatusReport;
      const known = state.containers.find(({ name }) => name === node.name);
      expect(known?.cluster).toBe(CLUSTER);
      const page = await open(url, { javaScriptEnabled: false });
      expect(await page.locator(".cluster").innerText()).toBe(SHOWN_CLUSTER);
      expect(await page.locator("noscript").innerText()).toContain("snapshot");
      expect(await page.locator("#pause").isVisible()).toBe(false);
      expect(await page.locator("#changes li").count()).toBeGreaterThan(0);
      const link = page.getByRole("link", { name: "victim.service", includeHidden: true });
      expect(await link.first().isVisible()).toBe(false);

      const href = (await link.first().getAttribute("href")) ?? "";
      const place = new URLSearchParams(href.slice(1));
      expect([place.get("cluster"), place.get("unit")]).toEqual([CLUSTER, "victim.service"]);
      const there = await open(`${url}${href}`, { javaScriptEnabled: false });
      await there.getByRole("link", { name: "victim.service" }).first().waitFor();
    });
  });

  describe("of fake containers", () => {
    const EVIL_UNIT = `"><img src=x onerror="pwned=4"><script>pwned=5</script>'\u202E.service`;
    let made: StatusFleet;
    let server: StatusServer;
    let url: string;
    let page: Page;

    beforeAll(async () => {
      made = new StatusFleet();
      const labels = { "com.docker.compose.project": CLUSTER, image: `x"onload="pwned=6` };
      const evil = made.node("evil", { units: 3, labels });
      made.fails(evil, EVIL_UNIT);
      for (const name of ["calm-0", "calm-1"]) made.node(name, { units: 5 });
      server = stack.use(await startStatusServer(made));
      url = server.url;
      page = await open(url);
    });

    test("shows markup in names as text", async () => {
      const row = page.locator("#trouble").getByRole("row", { name: "<script>" });
      expect(await row.getByRole("rowheader").innerText()).toBe(
        EVIL_UNIT.replace("\u202E", String.raw`\u{202e}`),
      );
      const evil = made.fleet.get([...made.fleet.ids()][0] ?? "");
      if (evil === undefined) throw new Error("no container");
      made.fails(evil, `live${EVIL_UNIT}`);
      await page.locator("#trouble").getByRole("row", { name: "live" }).waitFor();
      expect(await page.locator("#changes li", { hasText: "live" }).count()).toBeGreaterThan(0);
      expect(await page.evaluate("'pwned' in globalThis")).toBe(false);
      expect(await page.locator("script").count()).toBe(1);
      expect(await page.locator("img").count()).toBe(0);
    });

    test("scrolls to the node and unit of a link", async () => {
      const there = await open(`${url}#node=calm-1&unit=service-3.service`);
      const row = there.getByRole("row", { name: /service-3\.service/ });
      await row.waitFor();
      expect(await there.evaluate("document.activeElement.textContent")).toContain("service-3");
      expect(await row.locator("xpath=ancestor::article").getAttribute("data-container")).toBe(
        "calm-1",
      );
      await there.evaluate(`location.hash = "#node=calm-0"`);
      await there.locator("article.reached", { hasText: "calm-0" }).waitFor();
    });

    test("stops the feed while it is paused, and shows only changes that match the filter", async () => {
      const calm = made.node("calm-2", { units: 1 });
      const lines = page.locator("#changes li:not([hidden])");
      await page.getByRole("button", { name: "Pause" }).press("Enter");
      made.fails(calm, "held.service");
      await page.getByText(/^\d+ waiting/).waitFor();
      await page.locator("#trouble").getByRole("row", { name: "held.service" }).waitFor();
      expect(await lines.filter({ hasText: "held.service" }).count()).toBe(0);
      await page.getByRole("button", { name: "Resume" }).click();
      await lines.filter({ hasText: "unit.failed" }).filter({ hasText: "held.service" }).waitFor();

      await page.getByRole("searchbox", { name: "Filter" }).fill("FAILED held");
      expect(await lines.count()).toBe(1);
      made.fails(calm, "other.service");
      made.fails(calm, "held-too.service");
      await lines.filter({ hasText: "held-too" }).waitFor();
      expect(await lines.count()).toBe(2);
      await page.getByRole("searchbox", { name: "Filter" }).fill("");
    });

    test("folds what happens again into one line, live and on the page that is rendered", async () => {
      const calm = made.node("calm-3", { units: 1 });
      const fails = (): void => made.fails(calm, "loop.service");
      const failed = page.locator("#changes li", { hasText: "loop.service in calm-3 failed" });
      for (let run = 0; run < 3; run += 1) fails();
      await failed.filter({ hasText: /× 3 since / }).waitFor();
      expect(await failed.count()).toBe(1);
      const there = await open(url);
      const line = there.locator("#changes li", { hasText: "loop.service in calm-3 failed" });
      expect(await line.allInnerTexts()).toEqual([expect.stringMatching(/× 3\s+since /)]);
      fails();
      await line.filter({ hasText: /× 4 since / }).waitFor();
      expect(await line.count()).toBe(1);
      expect(await there.locator("#changes li").first().innerText()).toContain("calm-3");
    });

    test("finds a node", async () => {
      const narrow = await open(url, { viewport: { width: 360, height: 740 } });
      await narrow.getByRole("searchbox", { name: "Find a node" }).fill("CALM-1");
      const shown = narrow.locator("article:not([hidden])");
      expect(await shown.count()).toBe(1);
      expect(await narrow.locator("#rest .count").innerText()).toMatch(/^1 of \d+$/);
      expect(await narrow.locator("#trouble .count").innerText()).toMatch(/^0 of \d+$/);
      expect(await narrow.locator("#trouble .nodes").isVisible()).toBe(false);
      await shown.locator("summary").click();
      await narrow.getByRole("link", { name: "service-4.service" }).waitFor();
    });

    test("moves the keyboard focus past the tools, visibly", async () => {
      const there = await open(url);
      const focused = (what: string) => there.evaluate(`document.activeElement.${what}`);
      await there.keyboard.press("Tab");
      expect(await focused("textContent")).toBe("Skip to what needs attention");
      expect(await focused("getBoundingClientRect().x")).toBeGreaterThan(0);
      await there.keyboard.press("Enter");
      await there.keyboard.press("Tab");
      expect(await focused("closest('#trouble') !== null")).toBe(true);
      const outline = "getComputedStyle(document.activeElement).outlineStyle";
      expect(await there.evaluate(outline)).toBe("solid");
    });

    test("follows the system's colour scheme", async () => {
      const grounds = [];
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        grounds.push(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
      }
      expect(new Set(grounds).size).toBe(2);
    });

    test("reconnects when the server has restarted, and shows missed changes", async () => {
      const { port } = server;
      await server[Symbol.asyncDispose]();
      await page.locator('#live[data-live="lost"]').waitFor();
      const record = made.node("meanwhile", { units: 1 });
      made.fails(record, "meanwhile.service");
      server = stack.use(await startStatusServer(made, { port }));
      await isLive(page);
      const row = page.locator("#trouble").getByRole("row", { name: "meanwhile.service" });
      await row.waitFor();
      expect(await row.innerText()).toContain("exit-code, status 1");
      await page.locator("#changes li", { hasText: "meanwhile.service" }).first().waitFor();
    });
  });

  test("keeps a container that runs again under Needs attention until 15 minutes have passed", async () => {
    const clock = new FakeClock(Date.now());
    const made = new StatusFleet({ clock });
    await using server = await startStatusServer(made);
    const page = await open(server.url);
    const notice = page.locator("#notice");
    expect(await notice.textContent()).toBe("No container is watched yet.");
    made.happens("start", "loop");
    made.fleet.details(containerDetails("loop", { status: "running" }), true);
    await page.getByText("No problems.").waitFor();

    made.happens("oom", "loop");
    const { finishedAtNs } = made.happens("die", "loop", { exitCode: "137" });
    const { identity, startedAtNs } = made.happens("start", "loop");
    const run = { identity, startedAtNs, finishedAtNs, status: "running" } as const;
    made.fleet.details(containerDetails("loop", { ...run, restartCount: 1 }), true);
    const hasText = "1 OOM kill in 15 min · 1 restart in 15 min · 1 failed exit in 15 min, last ";
    await page.locator("#trouble .reasons", { hasText }).waitFor();
    expect(await notice.textContent()).toBe("");

    await clock.advance(15 * 60_000 + 5_000);
    made.status.expire();
    await page.locator("#rest article", { hasText: "loop" }).waitFor();
    expect(await page.locator("#trouble article").count()).toBe(0);
    expect(await notice.textContent()).toBe("No problems.");
  });

  test("shows hundreds of nodes with a hundred units each on every screen size", async () => {
    const longUnit = `${"a-name-that-has-room-in-no-column".repeat(4)}.service`;
    const made = new StatusFleet();
    const records = Array.from({ length: NODES }, (_, index) =>
      made.node(`worker-${index}`, {
        units: 100,
        labels: { "sind.cluster": `one-of-${index % 7}-clusters` },
      }),
    );
    for (const record of records.slice(0, 5)) made.fails(record, longUnit);
    const [first] = records;
    made.status.linesRead({
      identity: first?.identity ?? containerDetails("none").identity,
      change: undefined,
      run: { unit: longUnit, invocationId: "" },
      order: 1,
      lines: [journalLine("one-word".repeat(400), { identifier: "identifier".repeat(20) })],
    });
    await using server = await startStatusServer(made);

    const page = await open(`${server.url}#node=worker-277`);
    page.setDefaultTimeout(slowMs(60_000));
    await page.locator("article.reached", { hasText: "worker-277" }).waitFor();
    expect(await page.locator("article").count()).toBe(NODES);
    const before = await styleRuns(page);
    await page.evaluate(`new Promise((resolve) => {
      const age = document.querySelector("time[data-age]");
      new MutationObserver(() => requestAnimationFrame(resolve)).observe(age, { childList: true });
    })`);
    // One for each frame, not one for each of the ages.
    expect((await styleRuns(page)) - before).toBeLessThan(100);
    await page.locator("#trouble .more > summary").first().click();
    await page.locator("#trouble .more[open] th").first().waitFor();
    await page.locator("#trouble .lines > summary").first().click();
    await page.locator("#trouble .lines[open] svg").first().waitFor();
    for (const width of [360, 768, 1280, 1440]) {
      await page.setViewportSize({ width, height: 800 });
      const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect([width, over]).toEqual([width, 0]);
    }

    const [record] = records.slice(277);
    if (record === undefined) throw new Error("no container");
    made.fails(record, "late.service");
    // A query by role computes the accessibility of each of the page's elements.
    await page.locator("#trouble tr", { hasText: "late.service" }).waitFor();
    await page.locator("#find").fill("worker-27");
    expect(await page.locator("article:not([hidden])").count()).toBe(11);
  });

  test("causes no error in the browser", () => {
    expect(opened.length).toBeGreaterThan(0);
    const complaints = opened.flatMap((each) => each.complaints);
    expect(complaints.filter((text) => !text.includes("net::ERR_"))).toEqual([]);
  });
});

async function isLive(page: Page): Promise<void> {
  await page.locator('#live[data-live="on"]').waitFor();
}

/** Returns how often the browser has computed the styles of the page. */
async function styleRuns(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  await session.detach();
  return metrics.find(({ name }) => name === "RecalcStyleCount")?.value ?? 0;
}

/** Waits until the element has the text; returns the browser's time. */
function whenShown(page: Page, selector: string, text: string): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const element = document.querySelector(${JSON.stringify(selector)});
      if (element.textContent.includes(${JSON.stringify(text)})) resolve(Date.now());
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    look();
  })`);
}
