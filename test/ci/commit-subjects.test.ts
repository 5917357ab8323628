import { expect, test } from "@jest/globals";
import { subjectProblem, subjectsAfter } from "../../.ci/commit-subjects.ts";

test.each([
  "fix(http): close clients that stall for 60 s",
  "refactor(systemd): take one message union in place of the sink",
  "feat!: drop Node.js 20",
  "docs: process links of all pages",
  "test: bring the import table up to date",
  "fix: pass the signal on",
])("accepts %j", (subject) => {
  expect(subjectProblem(subject)).toBeUndefined();
});

test.each([
  ["fix the server", "expected TYPE:"],
  ["fixes(http): close clients", "expected TYPE:"],
  ["fix(HTTP): close clients", "expected TYPE:"],
  ["fix: closed clients that stall", "imperative"],
  ["fix: closing clients that stall", "imperative"],
  ["fix: closes clients that stall", "imperative"],
  ["docs: the changelog of scrapes", "imperative"],
  ["docs: README is shorter", "imperative"],
  ["fix: close clients that stall.", "full stop"],
  [`fix: close ${"c".repeat(62)}`, "73 characters"],
])("rejects %j", (subject, problem) => {
  expect(subjectProblem(subject)).toContain(problem);
});

test("takes the commits after the last one before the rule", () => {
  expect(subjectsAfter("c", ["a", "b", "c", "d"])).toEqual(["a", "b"]);
});

test("takes no commit when that one is missing, as in a shallow clone", () => {
  expect(subjectsAfter("c", ["a", "b"])).toEqual([]);
  expect(subjectsAfter("c", [])).toEqual([]);
});
