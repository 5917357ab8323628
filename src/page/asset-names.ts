/** Modules are named as they lie here, and those of the domain as if they did: TypeScript in the sources, JavaScript once built. */
export const MODULE_SUFFIX = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

const named = (names: readonly string[]): readonly string[] =>
  names.map((name) => `${name}${MODULE_SUFFIX}`);

/** What runs in the browser. */
export const CLIENT_MODULES = named([
  "client/main",
  "client/articles",
  "client/connection",
  "client/dom",
  "client/feed",
  "client/places",
  "client/state",
  "view/change",
  "view/element",
  "view/format",
  "view/node",
  "view/overview",
  "view/trouble",
  "view/unit-table",
  "domain/exit-code",
]);
export const MAIN_MODULE = `client/main${MODULE_SUFFIX}`;
export const STYLE_FILE = "style.css";
export const ICON_FILE = "icon.svg";
