/*
 * What a release does with CHANGELOG.md. It reads and writes that file alone.
 *
 *   node release/changelog.ts cut            gives the unreleased changes the version of package.json
 *   node release/changelog.ts notes [BASE]   prints the changes of that version, for a release page, where
 *                                            links to files begin with the URL BASE
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

const FILE = join(import.meta.dirname, "../CHANGELOG.md");
const UNRELEASED = "## [Unreleased]\n";

/**
 * Returns the changelog with the unreleased changes under the heading of a version.
 *
 * @param date such as `2026-12-01`
 * @throws Error if there are none, or if the version has a heading
 */
export function cutRelease(text: string, version: string, date: string): string {
  const heading = `## [${version}]`;
  if (text.includes(heading)) throw new Error(`CHANGELOG.md has ${version} already`);
  if (!text.includes(UNRELEASED)) throw new Error("CHANGELOG.md has no unreleased changes");
  // Headings of kinds alone are no change.
  if (!/^(?!#|\s*$)/m.test(releaseNotes(text, "Unreleased")))
    throw new Error("no change is unreleased");
  return text.replace(UNRELEASED, `${UNRELEASED}\n${heading} - ${date}\n`);
}

/** Returns what is below the heading of a version, without the heading. @throws Error without one */
export function releaseNotes(text: string, version: string): string {
  const sections = text.split(/^## /m);
  const section = sections.find((each) => each.startsWith(`[${version}]`));
  if (section === undefined) throw new Error(`CHANGELOG.md has no ${version}`);
  return section.slice(section.indexOf("\n")).trim();
}

/** Returns Markdown whose links to files of the project begin with a URL that ends in a slash. */
export function withBase(markdown: string, base: string): string {
  return markdown.replaceAll(/\]\((?![a-z]+:|#)/g, `](${base}`);
}

if (import.meta.main) {
  const text = readFileSync(FILE, "utf8");
  const [command, base = ""] = process.argv.slice(2);
  if (command === "cut") {
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(FILE, cutRelease(text, manifest.version, date));
  } else if (command === "notes") {
    console.log(withBase(releaseNotes(text, manifest.version), base));
  } else {
    console.error(`changelog: expected cut or notes, got ${command ?? "nothing"}`);
    process.exitCode = 2;
  }
}
