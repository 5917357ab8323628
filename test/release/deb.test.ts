import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { CONFFILE, control, SCRIPTS, unitFile } from "../../release/deb-files.ts";
import { architectureOf } from "../../release/deb.ts";
import { packageClosure } from "../../release/package-closure.ts";
import { FLAGS } from "../../src/config/flags.ts";
import { variableName } from "../../src/config/flag/flag.ts";
import { execa } from "execa";

const ROOT = join(import.meta.dirname, "../..");
const UNIT = readFileSync(join(ROOT, "deploy/systemd/unitwatch.service"), "utf8");

// The package itself is built, installed and purged by test/release/installed.
describe("the package of Debian", () => {
  test("has the packages that the bundle leaves outside, and all that they need", () => {
    const outside = /external: (\[.*\])/.exec(readFileSync(join(ROOT, "bundle.ts"), "utf8"));
    const names = JSON.parse(outside?.[1] ?? "") as string[];
    expect(names).toEqual(["@grpc/grpc-js", "supports-color"]);

    // The other is not installed with unitwatch.
    const folders = packageClosure(["@grpc/grpc-js"]);
    expect(folders).toEqual(
      expect.arrayContaining(["node_modules/@grpc/grpc-js", "node_modules/long"]),
    );
    for (const folder of folders) expect(existsSync(join(ROOT, folder, "package.json"))).toBe(true);
    expect(() => packageClosure(["nowhere"])).toThrow("package-lock.json has no nowhere");
  });

  test("runs the shipped unit with its own Node.js", () => {
    const text = unitFile(UNIT);
    expect(text).toMatch(
      /^ExecStart=\/usr\/lib\/unitwatch\/node \/usr\/lib\/unitwatch\/dist\/main\.js$/m,
    );
    expect(text).not.toContain("/opt/");
    expect(text).toContain("EnvironmentFile=-/etc/default/unitwatch\n");
    expect(() => unitFile("[Unit]\n")).toThrow("unitwatch.service doesn't run");
  });

  test("has a version that sorts a candidate before its release", () => {
    expect(control({ version: "0.2.0~rc.1", arch: "arm64", kibibytes: 7 })).toMatch(
      /^Package: unitwatch\nVersion: 0\.2\.0~rc\.1\nArchitecture: arm64\n/,
    );
  });

  test("takes its architecture from the executable", () => {
    expect(architectureOf(process.execPath)).toBe(process.arch === "x64" ? "amd64" : process.arch);
    expect(() => architectureOf(join(ROOT, "package.json"))).toThrow("expected an executable");
  });

  test("suggests variables that exist, all as comments", () => {
    const known = new Set(Object.values(FLAGS).map(({ name }) => variableName(name)));
    const lines = CONFFILE.trim().split("\n");
    expect(lines.filter((line) => !/^(?:#|$)/.test(line))).toEqual([]);
    const own = [...CONFFILE.matchAll(/^#(UNITWATCH_\w+)=/gm)].map(([, name]) => name ?? "");
    expect(own.length).toBeGreaterThan(1);
    expect(own.filter((name) => !known.has(name))).toEqual([]);
  });

  test.each(Object.entries(SCRIPTS))("has a %s that sh can parse", async (_, script) => {
    expect(await execa("sh", ["-n"], { input: script })).toMatchObject({ stderr: "" });
  });
});
