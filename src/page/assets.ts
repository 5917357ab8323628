import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { CLIENT_MODULES, ICON_FILE, MODULE_SUFFIX, STYLE_FILE } from "./asset-names.ts";
import { ICON } from "./icon.ts";
import { STYLE } from "./style.ts";

/** A file of the status page. */
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
/** Folder of modules that the server runs too. */
const SHARED = "domain/";
const modules: ReadonlySet<string> = new Set(CLIENT_MODULES);

/**
 * The file of this name; undefined where there is none. Modules are read when they are first asked
 * for; from the sources they are given without their types.
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
  const isShared = name.startsWith(SHARED);
  const file = new URL(isShared ? `../${name}` : name, import.meta.url);
  const source = await readFile(file, "utf8");
  // The browser gets the domain's modules from a folder within the page's.
  const text = source.replaceAll(`from "../../${SHARED}`, `from "../${SHARED}`);
  const script = MODULE_SUFFIX === ".ts" ? stripTypeScriptTypes(text) : text;
  return { contentType: "text/javascript; charset=utf-8", body: Buffer.from(script) };
}
