/** Modules are named as they lie in the folder above: TypeScript in the sources, JavaScript once built. */
export const MODULE_SUFFIX = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

const named = (names: readonly string[]): readonly string[] =>
  names.map((name) => `${name}${MODULE_SUFFIX}`);

/** What runs in the browser. */
export const CLIENT_MODULES = named([
  "page/client/main",
  "page/client/articles",
  "page/client/connection",
  "page/client/dom",
  "page/client/feed",
  "page/client/places",
  "page/client/state",
  "page/view/change",
  "page/view/element",
  "page/view/format",
  "page/view/node",
  "page/view/overview",
  "page/view/trouble",
  "page/view/unit-table",
  "domain/exit-code",
]);
export const MAIN_MODULE = `page/client/main${MODULE_SUFFIX}`;
export const STYLE_FILE = "style.css";
export const ICON_FILE = "icon.svg";
