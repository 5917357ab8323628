import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Links of a Markdown file to files, and to headings in them, that aren't there. Others' sites are no matter. */
export function brokenLinks(file: string): readonly string[] {
  const links = readFileSync(file, "utf8").matchAll(/\]\((?!https?:)([^)]+)\)/g);
  const targets = [...links].map(([, target = ""]) => target);
  if (targets.length === 0) throw new Error(`${file} has no links`);
  return targets.filter((target) => {
    const [path = "", anchor] = target.split("#");
    const to = path === "" ? file : join(dirname(file), path);
    return !existsSync(to) || (anchor !== undefined && !anchorsOf(to).includes(anchor));
  });
}

/** As GitHub makes them of headings. */
function anchorsOf(file: string): readonly string[] {
  const headings = readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}
