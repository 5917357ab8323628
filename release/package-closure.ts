import lock from "../package-lock.json" with { type: "json" };

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
}

const PACKAGES = lock.packages as Readonly<Record<string, Locked>>;

/**
 * Returns the folders of packages and of all that they depend on, as package-lock.json has them, such
 * as `node_modules/long`. @throws Error if it lacks one
 */
export function packageClosure(names: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const add = (name: string, from: string): void => {
    const folder = folderOf(name, from);
    if (found.has(folder)) return;
    found.add(folder);
    for (const each of Object.keys(PACKAGES[folder]?.dependencies ?? {})) add(each, folder);
  };
  for (const name of names) add(name, "");
  return [...found].toSorted();
}

/** Finds a package as Node.js does: in the folder itself, then in those above. */
function folderOf(name: string, from: string): string {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    const folder = `${base === "" ? "" : `${base}/`}node_modules/${name}`;
    if (folder in PACKAGES) return folder;
    if (base === "") throw new Error(`package-lock.json has no ${name}`);
  }
}
