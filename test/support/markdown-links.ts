import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Returns the links of a Markdown file to missing files and missing headings. Skips URLs. */
export function brokenLinks(file: string): readonly string[] {
  const text = withoutCode(readFileSync(file, "utf8"));
  const targets = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => {
    const [path = "", anchor] = target.split("#");
    const to = path === "" ? file : join(dirname(file), path);
    return !existsSync(to) || (anchor !== undefined && !anchorsOf(to).includes(anchor));
  });
}

/** Returns the anchors that GitHub makes of a file's headings. */
function anchorsOf(file: string): readonly string[] {
  const headings = withoutCode(readFileSync(file, "utf8")).matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[^]*?^```$/gm, "");
}
