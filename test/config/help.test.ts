import { expect, test } from "@jest/globals";
import { COMMANDS } from "../../src/config/commands.ts";
import { variableName } from "../../src/config/flag/flag.ts";
import { FLAGS, SWITCHES } from "../../src/config/flags.ts";
import { helpText, versionText } from "../../src/config/help.ts";

const flags = Object.values(FLAGS);

test("lists every flag with its default in lines of at most 80 columns", () => {
  const help = helpText();
  for (const { name, hint, defaultText } of flags) {
    expect(help).toContain(`\n  --${name}=${hint}\n`);
    expect(help).toContain(defaultText);
  }
  for (const name of Object.keys(COMMANDS)) expect(help).toContain(`\n  ${name}\n`);
  for (const name of Object.keys(SWITCHES)) expect(help).toContain(`\n  --${name}\n`);
  for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(help).toMatch(/^usage: unitwatch \[flags\]\n/);
  expect(help.endsWith(".\n")).toBe(true);
});

test("gives each flag a unique dotted name, but --runtime, and a unique variable", () => {
  const names = flags.map(({ name }) => name);
  for (const name of names) expect(name).toMatch(/^(?:runtime|[a-z]+(\.[a-z]+)+(-[a-z]+)*)$/);
  expect(new Set(names.map(variableName)).size).toBe(names.length);
  expect(variableName("web.listen-address")).toBe("UNITWATCH_WEB_LISTEN_ADDRESS");
});

test("prints the version on the first line and the platform below", () => {
  const text = versionText({
    version: "1.2.3",
    revision: "abc",
    nodeVersion: "v24.0.0",
    platform: "linux/x64",
  });
  expect(text).toBe(
    "unitwatch 1.2.3 (revision: abc)\n  node version:     v24.0.0\n  platform:         linux/x64\n",
  );
});
