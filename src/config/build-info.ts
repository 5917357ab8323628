import { readFileSync } from "node:fs";

/** Which unitwatch this is, and on what it runs. */
export interface BuildInfo {
  readonly version: string;
  /** Commit it was made from: `gitHead` in package.json, which a release build sets; else "unknown". */
  readonly revision: string;
  /** Such as `v24.12.0`. */
  readonly nodeVersion: string;
  /** Such as `linux/x64`. */
  readonly platform: string;
}

// Two folders up, both from src/config and from dist/config.
const manifest = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { readonly version: string; readonly gitHead?: string };

export const BUILD_INFO: BuildInfo = Object.freeze({
  version: manifest.version,
  revision: manifest.gitHead ?? "unknown",
  nodeVersion: process.version,
  platform: `${process.platform}/${process.arch}`,
});
