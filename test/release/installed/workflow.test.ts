import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { execa } from "execa";
import manifest from "../../../package.json" with { type: "json" };
import { debianCommand, suitePackage } from "../../support/debian-command.ts";
import { goProgram } from "../../support/go-program.ts";
import { slowMs } from "../../support/slowness.ts";

const ROOT = join(import.meta.dirname, "../../..");
const ACTIONLINT = { path: "github.com/rhysd/actionlint/cmd/actionlint", version: "v1.7.12" };

interface Target {
  readonly args: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly platforms?: readonly string[];
  readonly attest?: readonly object[];
}

test(
  "the workflow passes actionlint and shellcheck",
  async () => {
    const shellcheck = await debianCommand("shellcheck", "shellcheck");
    const args = ["-shellcheck", shellcheck, ".github/workflows/release.yml"];
    expect(await execa(await goProgram(ACTIONLINT), args, { cwd: ROOT })).toMatchObject({
      stdout: "",
    });
  },
  slowMs(180_000),
);

test(
  "buildx reads the bake file: both architectures, other base images, no other version",
  async () => {
    const folder = await suitePackage("trixie", "docker-buildx");
    const buildx = join(folder, "usr/libexec/docker/cli-plugins/docker-buildx");
    const bake = async (target: string, env: Readonly<Record<string, string>>): Promise<Target> => {
      const options = { cwd: ROOT, env };
      const { stdout } = await execa(buildx, ["bake", "--print", target], options);
      return (JSON.parse(stdout) as { target: Readonly<Record<string, Target>> }).target[
        target
      ] as Target;
    };

    const image = await bake("image", { NODE_IMAGE: "registry.example/node:24" });
    expect(image.platforms).toEqual(["linux/amd64", "linux/arm64"]);
    expect(image.tags).toEqual([`unitwatch:${manifest.version}`]);
    expect(image.args).toMatchObject({
      NODE_IMAGE: "registry.example/node:24",
      VERSION: manifest.version,
    });
    expect(image.attest).toHaveLength(2);
    expect((await bake("local", { IMAGE: "mine" })).tags).toEqual([`mine:${manifest.version}`]);
    expect((await bake("local", {})).platforms).toBeUndefined();
  },
  slowMs(120_000),
);
