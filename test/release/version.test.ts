import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { VERSION_PLACES, versionsIn } from "../../docs/generate/version-places.ts";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import { cutRelease, releaseNotes, withBase } from "../../release/changelog.ts";

const ROOT = join(import.meta.dirname, "../..");

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
    ["has headings alone", CHANGELOG.replace("- A thing.\n", ""), "0.2.0", /no change is/],
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
