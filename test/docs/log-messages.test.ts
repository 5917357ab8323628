import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const ROOT = join(import.meta.dirname, "../..");
const PAGE = "docs/troubleshooting.md";

/** Calls whose message is a variable: the file, and how its messages are found there. */
const BY_VARIABLE: Readonly<Record<string, RegExp>> = {
  "src/otlp/log-delivery.ts": /(?<!\.(?:info|limited)\()"([^"\n]* [^"\n]+)"/g,
};

/** Matches the first argument of a logger's `warn` or `error`: literals, or a name. */
const CALL =
  /(?<!\bdiag)\.(?:warn|error)\(\s*(?:((?:\w+\s*\?\s*)?["'`][^]*?["'`])[,)]|([a-z]\w*),)/g;

interface Logged {
  readonly file: string;
  readonly message: string;
}

/** Returns the messages of level warn and error that the source logs; `${…}` becomes `…`. */
function loggedMessages(): readonly Logged[] {
  const files = globSync("src/**/*.ts", { cwd: ROOT, exclude: ["src/page/client/**"] });
  return files.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    return [...text.matchAll(CALL)].flatMap(([, literals, variable]) => {
      if (literals !== undefined) {
        return [...literals.matchAll(/(["'`])([^]*?)\1/g)].map(([, , message = ""]) => ({
          file,
          message: message.replaceAll(/\$\{[^}]*\}/g, "…"),
        }));
      }
      const pattern = BY_VARIABLE[file];
      if (pattern === undefined) return [{ file, message: `the variable ${variable}` }];
      return [...text.matchAll(pattern)].map(([, message = ""]) => ({ file, message }));
    });
  });
}

/** Returns the messages in the first column of the page's tables. */
function explainedMessages(): readonly string[] {
  const [, tables = ""] = readFileSync(join(ROOT, PAGE), "utf8").split("## Log messages");
  return [...tables.matchAll(/^\| `([^`]+)` \|/gm)].map(([, message = ""]) => message);
}

function isLike(message: string, explained: string): boolean {
  const parts = message.split("…").map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join(".*")}$`).test(explained);
}

const logged = loggedMessages();
const explained = explainedMessages();

test("finds the messages of all folders", () => {
  expect(logged.length).toBeGreaterThan(40);
  expect(explained.length).toBeGreaterThan(40);
});

test("docs/troubleshooting.md explains every message of level warn and error", () => {
  const missing = logged.filter(({ message }) => !explained.some((one) => isLike(message, one)));
  expect(missing.map(({ file, message }) => `${file}: ${message}`)).toEqual([]);
});

test("docs/troubleshooting.md explains each message once", () => {
  expect(explained.filter((one, at) => explained.indexOf(one) !== at)).toEqual([]);
});

test("docs/troubleshooting.md explains only messages that exist", () => {
  const unknown = explained.filter((one) => !logged.some(({ message }) => isLike(message, one)));
  expect(unknown).toEqual([]);
});
