import { h } from "./element.ts";
import type { VElement } from "./element.ts";

const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** Returns `3 units`, `1 unit`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  const size = bytes / 1024 ** power;
  return `${size.toFixed(size < 10 ? 1 : 0)} ${UNITS[power - 1] ?? ""}`;
}

/** Formats a span in its largest unit: `1.2 ms`, `45 s`, `3 min`, `5 h`, `12 d`. */
export function spanText(seconds: number): string {
  if (seconds < 0.001) return "under 1 ms";
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Formats the span from `time` to `nowMs` in whole seconds or more; `0 s` if a clock runs ahead. */
export function ageText(time: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(time)) / 1000;
  return seconds < 1 ? "0 s" : spanText(seconds);
}

/** Returns the age of a moment, which the browser updates. Its tooltip is the time. */
export function age(time: string, nowMs: number): VElement {
  const at = `${time.slice(0, 19).replace("T", " ")} UTC`;
  return h(
    "time",
    { datetime: time.slice(0, 23) + "Z", title: at, "data-age": true },
    ageText(time, nowMs),
  );
}

/** Returns the time of day of a moment, in UTC, to the millisecond. */
export function clockTime(time: string): VElement {
  const at = `${time.slice(0, 19).replace("T", " ")} UTC`;
  return h("time", { datetime: time.slice(0, 23) + "Z", title: at }, time.slice(11, 23));
}

/** Returns the position of a node or a unit on the page: the id of its element, a link's fragment. */
export function positionOf(
  { node, cluster }: { readonly node: string; readonly cluster: string },
  unit = "",
): string {
  const parts = [
    ["node", node],
    ["cluster", cluster],
    ["unit", unit],
  ] as const;
  return parts
    .filter(([name, value]) => value !== "" || name === "node")
    .map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
    .join("&");
}
