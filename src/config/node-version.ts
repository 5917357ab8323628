/** As package.json has it under `engines`: older ones lack what all of the program is written with. */
export const OLDEST_NODE = { major: 24, minor: 12 } as const;

/**
 * Why this Node.js can't run the program, in one line; undefined where it can.
 *
 * @param version such as `v24.12.0`
 */
export function nodeProblem(version: string): string | undefined {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  const { major: oldest, minor: oldestMinor } = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return undefined;
  return `expected Node.js ${oldest}.${oldestMinor} or newer, and this is ${version}`;
}
