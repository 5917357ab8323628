/*
 * Checks the subjects of the commits since the rule began. `npm run check` runs it. Without git, in
 * a copy without history, or in a shallow clone that lacks the first commit, it checks nothing.
 */
import { execFileSync } from "node:child_process";

/** Subject of the last commit before the rule. */
const LAST_BEFORE = "refactor(engine): break the type circle of the two event formats";
const MAX_SUBJECT_CHARS = 72;
const TYPES = [
  "build",
  "chore",
  "ci",
  "docs",
  "feat",
  "fix",
  "perf",
  "refactor",
  "revert",
  "style",
  "test",
] as const;
const CONVENTIONAL = new RegExp(String.raw`^(?:${TYPES.join("|")})(?:\([a-z\d.-]+\))?!?: (\S.*)$`);
/** Articles, pronouns and words in -ed, -ing and -s don't begin an imperative sentence. */
const NO_VERB =
  /^(?:an?|the|this|that|it|what|where|who|no|not|new|[a-z]+(?:ed|ing|[^s]s))(?:\s|$)|^[^a-z]/;
/** Imperatives that end in -ed, -ing or -s. */
const VERB = /^(?:bring|embed|feed|need|seed|shed|speed|bias|focus|canvas|string|ring|ping|sing)\b/;

/** Returns what is wrong with a subject; undefined if nothing is. */
export function subjectProblem(subject: string): string | undefined {
  if (subject.length > MAX_SUBJECT_CHARS) {
    return `has ${subject.length} characters, expected at most ${MAX_SUBJECT_CHARS}`;
  }
  const [, words] = CONVENTIONAL.exec(subject) ?? [];
  if (words === undefined) return "expected TYPE: or TYPE(SCOPE): and a description";
  if (NO_VERB.test(words) && !VERB.test(words)) return "expected a verb in the imperative first";
  if (words.endsWith(".")) return "expected no full stop";
  return undefined;
}

/** Returns the subjects that come after `last`, the newest first; none if `last` is missing. */
export function subjectsAfter(last: string, newestFirst: readonly string[]): readonly string[] {
  return newestFirst.slice(0, Math.max(0, newestFirst.indexOf(last)));
}

function subjectsOf(folder: string): readonly string[] {
  try {
    const log = execFileSync("git", ["log", "--no-merges", "--format=%s"], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return log.trim().split("\n");
  } catch {
    return [];
  }
}

if (import.meta.main) {
  const problems = subjectsAfter(LAST_BEFORE, subjectsOf(`${import.meta.dirname}/..`)).flatMap(
    (subject) => {
      const problem = subjectProblem(subject);
      return problem === undefined ? [] : [`commit "${subject}": ${problem}`];
    },
  );
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
