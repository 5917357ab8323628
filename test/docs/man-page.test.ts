import { readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import { dateOf, manPage } from "../../docs/generate/man-page.ts";
import { escaped, filled, paragraph, tagged } from "../../docs/generate/roff.ts";
import { usage } from "../../src/config/help.ts";
import { COMMANDS } from "../../src/config/commands.ts";
import type { Command } from "../../src/config/commands.ts";
import { variableName } from "../../src/config/flag/flag.ts";
import { FLAGS, SWITCHES } from "../../src/config/flags.ts";
import { OTEL_HELP } from "../../src/config/otlp.ts";
import { debianCommand } from "../support/debian-command.ts";
import { ensureCommands } from "../support/engine/packages.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGE = join(ROOT, "docs/unitwatch.1");

const commands: readonly Command[] = Object.values(COMMANDS);
const committed = readFileSync(PAGE, "utf8");

/** Returns the text that `man` shows, without bold and underlining. */
async function shown(file: string): Promise<string> {
  const { stdout } = await execa(await debianCommand("mandoc", "mandoc"), [
    "-Tascii",
    "-Owidth=200",
    file,
  ]);
  return stdout.replaceAll(/.[\b]/g, "");
}

test("equals what `npm run docs` makes of the tables of flags and commands", () => {
  expect(manPage(dateOf(committed))).toBe(committed);
});

describe("the page", () => {
  test("passes the checks of mandoc and groff", async () => {
    const mandoc = await debianCommand("mandoc", "mandoc");
    const lint = await execa(mandoc, ["-Tlint", "-Wall", PAGE], { all: true, reject: false });
    expect(lint).toMatchObject({ exitCode: 0, all: "" });
    await ensureCommands({ groff: "groff-base" });
    const { stderr } = await execa("groff", ["-man", "-ww", "-b", "-Tascii", PAGE]);
    expect(stderr).toBe("");
  });

  test("has its sections in the order of man-pages(7)", () => {
    expect([...committed.matchAll(/^\.SH "(.*)"$/gm)].map(([, title]) => title)).toEqual([
      "NAME",
      "SYNOPSIS",
      "DESCRIPTION",
      "COMMANDS",
      "OPTIONS",
      "ENVIRONMENT",
      "FILES",
      "SIGNALS",
      "EXIT STATUS",
      "EXAMPLES",
      "SEE ALSO",
    ]);
  });

  test("shows every flag, variable, command and example as a user types it", async () => {
    const text = await shown(PAGE);
    for (const { name, hint, defaultText } of Object.values(FLAGS)) {
      expect(text).toMatch(new RegExp(`^ +--${RegExp.escape(name)}=${RegExp.escape(hint)}$`, "m"));
      expect(text).toMatch(
        new RegExp(`^ +${variableName(name)}\\s+--${RegExp.escape(name)}\\.`, "m"),
      );
      if (defaultText !== "") expect(text).toContain(`Default: ${defaultText}\n`);
    }
    for (const name of Object.keys(SWITCHES))
      expect(text).toMatch(new RegExp(`^ +--${name}\\b`, "m"));
    for (const [name] of OTEL_HELP.matchAll(/OTEL_[A-Z_]+…?/g)) {
      if (!name.endsWith("…")) expect(text).toMatch(new RegExp(`\\b${name}\\b`));
    }
    for (const command of commands) {
      const { examples, switches, flags } = command;
      expect(text).toContain(` ${usage(command)}\n`);
      for (const own of Object.values(flags))
        expect(text).toContain(` --${own.name}=${own.hint}\n`);
      for (const own of Object.keys(switches))
        expect(text).toMatch(new RegExp(`^ +--${own}\\b`, "m"));
      for (const { line } of examples) expect(text).toContain(` ${line}\n`);
    }
  });

  test("has a text for every entry", () => {
    expect(committed).not.toMatch(/undefined|\[object|NaN/);
  });
});

test("escapes text that roff reads as markup", async () => {
  const hostile = String.raw`.dot 'quote" \back\n --dash ~ ^ ${"`"} \(ti .TH` + "…";
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-man-"));
  try {
    const file = join(folder, "x.1");
    const page = [
      ".TH X 1 2026-01-01",
      ".SH NAME",
      String.raw`x \- y`,
      ".SH X",
      paragraph(hostile),
      tagged(escaped(".tag"), paragraph("'text")),
      "",
    ].join("\n");
    await writeFile(file, page);
    const text = await shown(file);
    expect(text).toContain(hostile.replace("…", "..."));
    expect(text).toMatch(/^ +\.tag {2,}'text$/m);
    expect(() => escaped("é")).toThrow("escape");
    expect(filled("One. Two: three")).toBe("One.\nTwo:\nthree");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("npm installs it in a folder of man", async () => {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-npm-"));
  try {
    const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as object;
    // Dependencies and build steps don't matter here.
    const bare = { ...manifest, scripts: {}, dependencies: {}, devDependencies: {} };
    await writeFile(join(folder, "package.json"), JSON.stringify(bare));
    await mkdir(join(folder, "docs"));
    await copyFile(PAGE, join(folder, "docs/unitwatch.1"));
    await mkdir(join(folder, "dist"));
    await writeFile(join(folder, "dist/main.js"), "");

    await execa("npm", ["pack", "--offline"], { cwd: folder });
    const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
    await execa("npm", ["install", "--global", "--prefix=there", "--offline", tarball], {
      cwd: folder,
    });
    const man = join(folder, "there/share/man/man1");
    expect(await readdir(man)).toEqual(["unitwatch.1"]);
    expect(await readFile(join(man, "unitwatch.1"), "utf8")).toBe(committed);
  } finally {
    await rm(folder, { recursive: true });
  }
});
