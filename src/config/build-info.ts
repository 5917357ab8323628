import { readFileSync } from "node:fs";

/** Version of unitwatch and of its platform. */
export interface BuildInfo {
  readonly version: string;
  /** Git commit: `gitHead` in package.json, which a release build sets; else "unknown". */
  readonly revision: string;
  /** Such as `v24.12.0`. */
  readonly nodeVersion: string;
  /** Such as `linux/x64`. */
  readonly platform: string;
}

// Two folders up, both from src/config and from dist/config.
const { version, gitHead = "unknown" } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { readonly version: string; readonly gitHead?: string };

export const BUILD_INFO: BuildInfo = Object.freeze({
  version,
  revision: gitHead,
  nodeVersion: process.version,
  platform: `${process.platform}/${process.arch}`,
});

/** Equals `engines` in package.json: older versions lack APIs that the program needs. */
export const OLDEST_NODE = { major: 24, minor: 12 } as const;

/**
 * Returns one line that says why this Node.js can't run the program; undefined if it can.
 *
 * @param version such as `v24.12.0`
 */
export function nodeProblem(version: string): string | undefined {
  const match = /^v(\d+)\.(\d+)\./.exec(version);
  if (match === null) return undefined;
  const [major, minor] = match.slice(1).map(Number) as [number, number];
  const { major: oldest, minor: oldestMinor } = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return undefined;
  return `expected Node.js ${oldest}.${oldestMinor} or newer, got ${version}`;
}
