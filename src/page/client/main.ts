import { ageText } from "../view/format.ts";
import { overview, titleOf } from "../view/overview.ts";
import { Articles } from "./articles.ts";
import { Connection } from "./connection.ts";
import { byId, patch } from "./dom.ts";
import { Feed } from "./feed.ts";
import { Places } from "./places.ts";
import { StateReader } from "./state.ts";

const AGES_MS = 5_000;

const { lastEventId = "", part } = document.body.dataset;
const articles = new Articles(part !== undefined);
const feed = new Feed();
const live = byId("live", HTMLParagraphElement);
const find = byId("find", HTMLInputElement);

const state = new StateReader((report, names) => {
  const nowMs = Date.parse(report.time);
  const told = new Set(report.containers.map(({ name }) => name));
  for (const container of report.containers) articles.show(container, nowMs);
  for (const name of names) if (!told.has(name)) articles.remove(name);
  patch(byId("overview", HTMLDListElement), overview(report));
  const title = titleOf(report);
  if (document.title !== title) document.title = title;
  places.go();
});
const places = new Places(articles, (name) => state.changed(name));

for (const form of document.querySelectorAll<HTMLFormElement>("form.tool")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
}
find.addEventListener("input", () => articles.find(find.value));
if (find.value !== "") articles.find(find.value);

// What is unfolded is asked for when it isn't here.
document.addEventListener(
  "toggle",
  (event) => {
    const { target } = event;
    if (!(target instanceof HTMLDetailsElement) || !target.open) return;
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
  back: () => {
    for (const name of articles.names()) state.changed(name);
    state.changed("");
  },
  gap: () => location.reload(),
});

connection.start();
setInterval(() => {
  const nowMs = Date.now();
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-age]")) {
    const text = ageText(time.dateTime, nowMs);
    if (time.checkVisibility() && time.textContent !== text) time.textContent = text;
  }
}, AGES_MS);

places.go();
