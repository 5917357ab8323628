import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import { VERSION_PLACES, versionsIn } from "../../docs/generate/version-places.ts";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import { cutRelease, releaseNotes, withBase } from "../../release/changelog.ts";

const ROOT = join(import.meta.dirname, "../..");
const NEXT = "9.8.7";

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- A thing.

## [0.1.0]

### Added

- All.
`;

test.each(VERSION_PLACES)("$path names the version of package.json after $before", (place) => {
  const found = versionsIn(readFileSync(join(ROOT, place.path), "utf8"), place);
  expect(found.length).toBeGreaterThan(0);
  expect(new Set(found)).toEqual(new Set([manifest.version]));
});

test("package-lock.json has the version of package.json", () => {
  expect([lock.version, lock.packages[""].version]).toEqual([manifest.version, manifest.version]);
});

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

describe("the changelog", () => {
  test("gets the heading of a version above its unreleased changes", () => {
    const cut = cutRelease(CHANGELOG, "0.2.0", "2026-12-01");
    expect(cut).toContain(
      "## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- A thing.\n",
    );
    expect(releaseNotes(cut, "0.2.0")).toBe("### Added\n\n- A thing.");
    expect(releaseNotes(cut, "0.1.0")).toBe("### Added\n\n- All.");
  });

  test.each([
    ["has the version already", CHANGELOG, "0.1.0", /has 0\.1\.0 already/],
    ["has no unreleased changes", CHANGELOG.replace("Unreleased", "0.1.1"), "0.2.0", /unreleased/],
    ["has none below its heading", cutRelease(CHANGELOG, "0.2.0", "x"), "0.3.0", /no change is/],
  ])("is left as it is when it %s", (_, text, version, problem) => {
    expect(() => cutRelease(text, version, "2026-12-01")).toThrow(problem);
  });

  test("has notes for what is unreleased", () => {
    expect(releaseNotes(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"), "Unreleased")).toMatch(
      /^### /m,
    );
    expect(() => releaseNotes(CHANGELOG, "3.0.0")).toThrow("no 3.0.0");
  });

  test("links to files of the version when it is on a release page", () => {
    const notes = "- [A](docs/a.md#b), [C](https://c.example/), [D](#d)";
    expect(withBase(notes, "https://x.example/blob/v1/")).toBe(
      "- [A](https://x.example/blob/v1/docs/a.md#b), [C](https://c.example/), [D](#d)",
    );
  });
});
