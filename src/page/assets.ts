import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { STYLE } from "./style.ts";

/** Suffix of the modules: TypeScript in the sources, JavaScript in the build. */
const MODULE_SUFFIX = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** Modules that the browser loads: below this folder, or of domain. They import values from each other alone. */
export const CLIENT_MODULES: readonly string[] = [
  "client/main",
  "client/connection",
  "client/dom",
  "client/entries",
  "client/feed",
  "client/line-folds",
  "client/positions",
  "client/state",
  "view/change",
  "view/element",
  "view/fold",
  "view/format",
  "view/gone",
  "view/node",
  "view/overview",
  "view/history-text",
  "view/timeline",
  "view/trouble",
  "view/unit-fold",
  "view/unit-table",
  "domain/exit-code",
  "domain/exit-status",
].map((name) => `${name}${MODULE_SUFFIX}`);
export const MAIN_MODULE = `client/main${MODULE_SUFFIX}`;
export const STYLE_FILE = "style.css";
export const ICON_FILE = "icon.svg";

/** A pulse on a screen. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#17324d"/>
<path d="M4 17h6l3-9 6 16 3-7h6" fill="none" stroke="#5fd3a6" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`;

/** A file that the status page loads. */
export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
}

const known = new Map<string, Promise<Asset>>([
  [
    STYLE_FILE,
    Promise.resolve({ contentType: "text/css; charset=utf-8", body: Buffer.from(STYLE) }),
  ],
  [ICON_FILE, Promise.resolve({ contentType: "image/svg+xml", body: Buffer.from(ICON) })],
]);
const modules: ReadonlySet<string> = new Set(CLIENT_MODULES);

/**
 * Returns the asset of this name, or undefined if there is none. A module is read on its first
 * request; from the sources it is served without its types.
 */
export function assetOf(name: string): Promise<Asset> | undefined {
  const found = known.get(name);
  if (found !== undefined || !modules.has(name)) return found;
  const read = readModule(name);
  known.set(name, read);
  read.catch(() => known.delete(name));
  return read;
}

async function readModule(name: string): Promise<Asset> {
  const path = name.startsWith("domain/") ? `../${name}` : name;
  const source = await readFile(new URL(path, import.meta.url), "utf8");
  // The browser gets the modules of domain from a folder within that of the page.
  const text = source.replaceAll(/(from ")\.\.\/\.\.\/(?=domain\/)/g, "$1../");
  const script = MODULE_SUFFIX === ".ts" ? stripTypeScriptTypes(text) : text;
  return { contentType: "text/javascript; charset=utf-8", body: Buffer.from(script) };
}
