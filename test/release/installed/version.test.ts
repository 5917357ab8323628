import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { execa } from "execa";
import { VERSION_PLACES, versionsIn } from "../../../docs/generate/version-places.ts";

const ROOT = join(import.meta.dirname, "../../..");
const NEXT = "9.8.7";

test("`npm version` writes a new version everywhere, cuts the changelog, commits and tags", async () => {
  const folder = mkdtempSync(join(tmpdir(), "unitwatch-version-"));
  try {
    const copied = [
      "package.json",
      "package-lock.json",
      "CHANGELOG.md",
      "Dockerfile",
      "docker-bake.hcl",
      "deploy",
    ];
    const all = [...copied, ".npmrc", ".oxfmtrc.json", "docs", "release", "src", "test"];
    for (const name of all) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const git = (...args: readonly string[]) => execa("git", args, { cwd: folder });
    await git("init", "--quiet");
    await git("config", "user.name", "maintainer");
    await git("config", "user.email", "maintainer@localhost");
    writeFileSync(join(folder, ".git/info/exclude"), "node_modules\n");
    await git("add", "--all");
    await git("commit", "--quiet", "--message=feat: begin");
    await execa("npm", ["version", NEXT], { cwd: folder });
    expect((await git("status", "--short")).stdout).toBe("");
    const { stdout: commit } = await git("log", "-1", "--format=%s %D");
    expect(commit).toMatch(/^chore\(release\): set version 9\.8\.7 HEAD -> \w+, tag: v9\.8\.7$/);

    const read = (path: string): string => readFileSync(join(folder, path), "utf8");
    for (const place of VERSION_PLACES) {
      expect(new Set(versionsIn(read(place.path), place))).toEqual(new Set([NEXT]));
    }
    expect(read("docs/unitwatch.1")).toContain(`"unitwatch ${NEXT}"`);
    expect(read("CHANGELOG.md")).toMatch(/## \[Unreleased\]\n\n## \[9\.8\.7\] - \d{4}-\d\d-\d\d\n/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
