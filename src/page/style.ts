/** Style of the status page. Colours only repeat what words say. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f8; --sheet: #fff; --line: #dde1e6; --ink: #1b2128; --soft: #56606c;
  --link: #1a5fb4; --failing: #b3261e; --failing-ground: #fdeceb; --warning: #875800;
  --warning-ground: #fdf3dc; --fine: #1b7042; --fine-ground: #e5f4ec; --idle: #56606c;
  --idle-ground: #edeff2; --reached: #fff6cf;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1317; --sheet: #171c22; --line: #2b323b; --ink: #e4e8ed; --soft: #9aa5b1;
    --link: #8ab8f5; --failing: #ff8f86; --failing-ground: #3a1a19; --warning: #f0bd63;
    --warning-ground: #352810; --fine: #71d09c; --fine-ground: #15301f; --idle: #9aa5b1;
    --idle-ground: #232a32; --reached: #3a3416;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.unseen, table.units caption, table.units thead {
  display: block !important; position: absolute; width: 1px; height: 1px; margin: -1px;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
html { scroll-padding-top: 4rem; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 0.9375rem/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}
main, .top, body > footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
a { color: var(--link); text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
:focus:not(:focus-visible) { outline: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.4rem 0.8rem; background: var(--sheet); z-index: 2; }
h1, h2, h3, p, dl, dd, ol, ul, figure { margin: 0; }
h1 { font-size: 1.125rem; letter-spacing: -0.01em; }
h2 { font-size: 1rem; margin: 0 0 0.6rem; }
h3 { font-size: 0.9375rem; font-weight: 600; }
h3 a { color: inherit; text-decoration: none; }
h3 a:hover { text-decoration: underline; }
.aside, .count, .cluster, .sub { color: var(--soft); }
.count { font-weight: 400; margin-left: 0.2rem; }
section { margin: 0 0 2rem; }
code { font-family: var(--mono); font-size: 0.9em; }
input, button {
  font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--line);
  border-radius: 5px; padding: 0.2rem 0.55rem;
}
button { cursor: pointer; min-width: 5.2rem; }
button:hover { border-color: var(--soft); }
button[aria-pressed="true"] { background: var(--warning-ground); color: var(--warning); border-color: currentColor; }
.tool { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.6rem; }
.tool label { color: var(--soft); }

.top { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 1rem; padding-block: 0.9rem; }
.top .tool { margin-left: auto; }
#live { color: var(--soft); font-size: 0.875rem; }
#live::before { content: ""; display: inline-block; width: 0.5rem; height: 0.5rem; margin-right: 0.4rem; border-radius: 50%; background: var(--soft); }
#live[data-live="on"]::before { background: var(--fine); }
#live[data-live="lost"]::before { background: var(--warning); }

#overview { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.tile { background: var(--sheet); padding: 0.6rem 0.85rem 0.7rem; }
.tile dt { color: var(--soft); font-size: 0.8125rem; }
.tile b { font-size: 1.375rem; font-weight: 600; line-height: 1.25; letter-spacing: -0.01em; }
.tile .aside { font-size: 0.8125rem; }
.tile[data-level="failing"] b { color: var(--failing); }
.tile[data-level="warning"] b { color: var(--warning); }

.nodes { border: 1px solid var(--line); border-radius: 8px; background: var(--sheet); overflow: clip; }
.nodes:not(:has(> .node:not([hidden]))), #waiting:empty,
#notice:empty, #rest:not(:has(.node)) .fold { display: none; }
.well { color: var(--fine); }
.node { padding: 0.55rem 0.85rem; border-left: 3px solid transparent; }
/* Of many entries only the visible ones are laid out. */
.nodes:has(> :nth-child(100)) .node { content-visibility: auto; contain-intrinsic-size: auto 3rem; }
.node + .node { border-top: 1px solid var(--line); }
.node[data-level="failing"] { border-left-color: var(--failing); }
.node[data-level="warning"] { border-left-color: var(--warning); }
.node > header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.1rem 0.6rem; }
.cluster { font-size: 0.875rem; }
.chips { display: inline-flex; flex-wrap: wrap; gap: 0.3rem; }
.unusual { font-size: 0.8125rem; padding: 0 0.45rem; border-radius: 1rem; background: var(--warning-ground); color: var(--warning); white-space: nowrap; }
.chip, .state { font-size: 0.8125rem; padding: 0 0.45rem; border-radius: 1rem; background: var(--idle-ground); color: var(--idle); white-space: nowrap; }
[data-level="failing"] > * > .state, .chip[data-level="failing"] { background: var(--failing-ground); color: var(--failing); }
.chip[data-level="warning"] { background: var(--warning-ground); color: var(--warning); }
[data-level="fine"] > * > .state, .chip[data-level="fine"] { background: var(--fine-ground); color: var(--fine); }
.reasons { color: var(--failing); }
.reasons, .more { font-size: 0.875rem; }
[data-level="warning"] .reasons { color: var(--warning); }
.reached, tr:target, .node:target { background: var(--reached); }
.more > summary, .fold > summary { color: var(--soft); cursor: pointer; width: fit-content; max-width: 100%; }
.fold > summary { margin-bottom: 0.5rem; }
.more > summary:hover, .fold > summary:hover { color: var(--ink); }
.more[open] > summary { margin-bottom: 0.4rem; }
@media (min-width: 48rem) {
  #rest .node { display: grid; grid-template-columns: minmax(14rem, 2fr) 3fr; column-gap: 1rem; align-items: baseline; }
  #rest .node:has(.more[open]) > .more { grid-column: 1 / -1; }
}
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 45%), 1fr)); gap: 0.35rem 1.25rem; padding: 0.3rem 0 0.6rem; }
.facts dt { color: var(--soft); font-size: 0.8125rem; }

table.units { width: 100%; border-collapse: collapse; margin: 0.25rem 0; font-size: 0.875rem; }
table.units th, table.units td { text-align: left; padding: 0.15rem 0.9rem 0.15rem 0; vertical-align: baseline; font-weight: 400; }
table.units tbody th { font-family: var(--mono); font-size: 0.8125rem; }
table.units tbody th a { color: inherit; }
.node > table.units td[data-column="Since"]:not(:empty)::before { content: "for "; color: var(--soft); }
.node > table.units td[data-column="Failed"]:not(:empty)::before { content: "failed "; color: var(--soft); }
.node > table.units td[data-column="Restarted"]:not(:empty)::before { content: "restarted "; color: var(--soft); }
table.units tr.lines > td { padding: 0 0 0.25rem; }
.lines > summary { color: var(--soft); cursor: pointer; width: fit-content; font-size: 0.8125rem; }
.lines > summary:hover { color: var(--ink); }
.lines .facts { padding: 0.4rem 0 0.2rem; }
.lines h4 { margin: 0.3rem 0 0; font-size: 0.8125rem; font-weight: 400; color: var(--soft); }
.lines section { margin: 0; min-width: 0; }
.timeline { margin: 0.3rem 0 0.2rem; }
.timeline svg { display: block; width: 100%; height: 1.6rem; border: 1px solid var(--line); border-radius: 4px; background: var(--ground); }
.timeline .tick { fill: var(--line); }
.timeline rect { fill: var(--idle-ground); }
.timeline rect[data-level] { fill: var(--idle); fill-opacity: 0.35; }
.timeline rect[data-level="fine"] { fill: var(--fine); }
.timeline rect[data-level="warning"] { fill: var(--warning); }
.timeline rect[data-level="failing"] { fill: var(--failing); }
.timeline .mark[data-level] { fill-opacity: 1; }
.timeline figcaption > :not(:nth-child(2)) { white-space: nowrap; }
.timeline figcaption { display: flex; justify-content: space-between; gap: 0.8rem; font-size: 0.8125rem; color: var(--soft); }
.lines ol { list-style: none; padding: 0.3rem 0.6rem; margin-top: 0.2rem; border: 1px solid var(--line); border-radius: 5px; background: var(--ground); font: 0.8125rem/1.5 var(--mono); max-height: 24rem; overflow: auto; }
.lines ol:empty::before { content: "none"; color: var(--soft); }
.lines time, .lines .from { color: var(--soft); }
.lines .message > bdi { white-space: pre-wrap; }
.lines .message > bdi + bdi { display: block; padding-left: 2ch; }
.lines [data-severity="error"] .message { color: var(--failing); }
.lines [data-severity="warn"] .message { color: var(--warning); }
@media (min-width: 64rem) {
  .beside:has(> :nth-child(2)) { display: grid; grid-template-columns: 3fr 2fr; gap: 0 1rem; }
}
@media (min-width: 48rem) {
  table.units { table-layout: fixed; }
  table.units col:nth-child(1) { width: 31%; }
  table.units col:nth-child(2) { width: 20%; }
  table.units col:nth-child(4), table.units col:nth-child(5) { width: 9%; }
  table.units col:nth-child(6) { width: 12%; }
  .more table.units thead { display: table-header-group !important; position: static; clip-path: none; }
  .more table.units thead th { color: var(--soft); font-size: 0.8125rem; }
  .more table.units tbody > tr > * { border-top: 1px solid var(--line); }
}
@media (max-width: 47.99rem) {
  main, .top, body > footer { padding-inline: 0.75rem; }
  .top .tool { margin-left: 0; width: 100%; }
  .top .tool input { flex: 1; min-width: 0; }
  table.units, table.units tbody { display: block; }
  table.units tr { display: flex; flex-wrap: wrap; gap: 0 0.7rem; padding: 0.25rem 0; }
  .more table.units tr { border-top: 1px solid var(--line); }
  table.units th, table.units td { display: block; padding: 0; border: 0; }
  table.units tbody th { width: 100%; }
  table.units td:empty { display: none; }
  table.units td[data-column="Since"]:not(:empty)::before { content: "for "; color: var(--soft); }
  table.units td[data-column="Failed"]:not(:empty)::before { content: "failed "; color: var(--soft); }
  table.units td[data-column="Restarted"]:not(:empty)::before { content: "restarted "; color: var(--soft); }
}

#gone:not(:has(li)) { display: none; }
#gone ul { padding-left: 1.1rem; font-size: 0.875rem; color: var(--soft); }
#gone b { color: var(--ink); font-weight: 500; }
#feed > header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0.2rem 1rem; margin-bottom: 0.5rem; }
#feed h2 { margin: 0; }
#feed:not(:has(li)) #changes { display: none; }
#changes { list-style: none; padding: 0.3rem 0; border: 1px solid var(--line); border-radius: 8px; background: var(--sheet); max-height: 32rem; overflow-y: auto; font-size: 0.875rem; }
#changes li { display: grid; grid-template-columns: 6.6rem 10.5rem 1fr; gap: 0 0.8rem; padding: 0.12rem 0.85rem; border-left: 3px solid transparent; }
#changes time { color: var(--soft); font-family: var(--mono); font-size: 0.8125rem; }
#changes .kind, #changes .times { color: var(--soft); }
#changes .times { white-space: nowrap; }
#changes a { color: inherit; text-decoration: none; }
#changes a:hover { text-decoration: underline; }
#changes [data-severity="error"] { border-left-color: var(--failing); }
#changes [data-severity="error"] .kind { color: var(--failing); }
#changes [data-severity="warn"] { border-left-color: var(--warning); }
#changes [data-severity="warn"] .kind { color: var(--warning); }
@media (max-width: 47.99rem) {
  #changes li { grid-template-columns: auto 1fr; padding-block: 0.25rem; }
  #changes .message { grid-column: 1 / -1; }
  #feed .tool { width: 100%; }
  #filter { flex: 1; min-width: 0; }
}
body > footer { display: flex; flex-wrap: wrap; gap: 0.3rem 1.5rem; padding-block: 0 2rem; color: var(--soft); font-size: 0.875rem; }
footer ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; list-style: none; padding: 0; }
@media (prefers-reduced-motion: no-preference) {
  html:focus-within { scroll-behavior: smooth; }
}
@media print { .tool, .skip { display: none; } }
`;
