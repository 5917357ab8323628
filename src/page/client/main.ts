/**
 * The script of the status page. The server has rendered the page; from its last event on this
 * script adds changes to the feed, and patches the entries whose containers changed. It runs in the
 * browser, and imports values only from the modules that assets.ts lists.
 */
import { ageText } from "../view/format.ts";
import { notice, overview, titleOf } from "../view/overview.ts";
import { Connection } from "./connection.ts";
import { byId, patch } from "./dom.ts";
import { Entries } from "./entries.ts";
import { Feed } from "./feed.ts";
import { LineFolds } from "./line-folds.ts";
import { Positions } from "./positions.ts";
import { StateClient } from "./state.ts";

const AGES_MS = 5_000;

const { lastEventId = "", part } = document.body.dataset;
const lines = new LineFolds();
const entries = new Entries(part !== undefined, lines);
const feed = new Feed();
const live = byId("live", HTMLParagraphElement);
const find = byId("find", HTMLInputElement);

const state = new StateClient((report, names) => {
  const nowMs = Date.parse(report.time);
  const known = new Set(report.containers.map(({ name }) => name));
  for (const container of report.containers) entries.show(container, nowMs);
  for (const name of names) if (!known.has(name)) entries.remove(name);
  patch(byId("overview", HTMLDListElement), overview(report));
  patch(byId("notice", HTMLParagraphElement), notice(report, entries.numbers()));
  const title = titleOf(report);
  if (document.title !== title) document.title = title;
  positions.go();
});
const positions = new Positions(entries, (name) => state.changed(name));

for (const form of document.querySelectorAll<HTMLFormElement>("form.tool")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
}
find.addEventListener("input", () => entries.search(find.value));
if (find.value !== "") entries.search(find.value);

// Requests the units of a container, or what a unit's fold shows, when it is opened.
document.addEventListener(
  "toggle",
  (event) => {
    const { target } = event;
    if (!(target instanceof HTMLDetailsElement) || !target.open) return;
    if (target.dataset["lines"] !== undefined) lines.opened(target);
    if (target.dataset["more"] !== "wanted") return;
    state.changed(target.closest<HTMLElement>("article")?.dataset["container"] ?? "");
  },
  true,
);

const connection = new Connection(lastEventId, {
  event: (event) => {
    feed.add(event);
    state.changed(event.container);
  },
  snapshot: (container) => state.changed(container),
  live: (isLive) => {
    live.dataset["live"] = isLive ? "on" : "lost";
    live.textContent = isLive ? "Live" : "Reconnecting …";
  },
  reconnected: () => {
    for (const name of entries.names()) state.changed(name);
    state.changed("");
  },
  gap: () => location.reload(),
});

connection.start();
setInterval(() => {
  const nowMs = Date.now();
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-age]")) {
    const text = ageText(time.dateTime, nowMs);
    // Nothing that computes styles or layout: after each write it would compute those of all again.
    if (time.textContent !== text) time.textContent = text;
  }
}, AGES_MS);

positions.go();
