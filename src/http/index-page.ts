import { createHash } from "node:crypto";
import { ROUTES } from "../domain/routes.ts";

/** A line of the index page: what it is, and its value. */
export type Fact = readonly [label: string, value: string];

const STYLE =
  "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}" +
  "dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem}dd{margin:0}";

/** The one style that the index page may have, as a source of Content-Security-Policy. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;

/** The index page as HTML. Links are relative, so that they work behind a proxy's prefix too. */
export function indexPage(version: string, telemetryPath: string, facts: readonly Fact[]): string {
  const links: readonly Fact[] = [
    [telemetryPath, "Metrics"],
    [ROUTES.healthy, "Health"],
    [ROUTES.ready, "Readiness"],
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>unitwatch</title>
<style>${STYLE}</style>
</head>
<body>
<h1>unitwatch</h1>
<p>Version ${escapeHtml(version)}</p>
<ul>
${links.map(([path, label]) => `<li><a href=".${escapeHtml(path)}">${escapeHtml(label)}</a></li>`).join("\n")}
</ul>
<dl>
${facts.map(([label, value]) => `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd>`).join("\n")}
</dl>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it can stand between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
