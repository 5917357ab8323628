import { globSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { unpackedPackage } from "../debian-command.ts";
import { missingCommands } from "../engine/packages.ts";
import type { CompletingShell, ShellOptions } from "./shell.ts";
import { offersOf } from "./shell.ts";

/** Starts the system's fish, else Debian's. It has a command that prints its offers. */
export async function startFish({
  script,
  bin,
  folder,
  env: more,
}: ShellOptions): Promise<CompletingShell> {
  const { fish, setup, libraries } = await findFish();
  const file = join(folder, "unitwatch.fish");
  await writeFile(file, script);
  const { PATH = "" } = process.env;
  const env = { PATH: `${bin}:${PATH}`, HOME: folder, TERM: "dumb", LC_ALL: "C.UTF-8", ...more };
  let shown = "";
  return {
    async complete(line) {
      const { stdout, stderr } = await execa(
        fish,
        ["--no-config", "--command", `${setup}; source ${file}; complete -C $line`],
        {
          cwd: folder,
          env: { ...env, line, ...(libraries === "" ? {} : { LD_LIBRARY_PATH: libraries }) },
          extendEnv: false,
        },
      );
      shown += stderr;
      const words = stdout.split("\n").map((offer) => offer.split("\t")[0] ?? "");
      return { offers: offersOf(words), line: undefined };
    },
    shows: (offer) => offer,
    get shown() {
      return shown;
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function findFish(): Promise<{
  readonly fish: string;
  readonly setup: string;
  readonly libraries: string;
}> {
  if ((await missingCommands(["fish"])).length === 0) {
    return { fish: "fish", setup: "true", libraries: "" };
  }
  const packages = ["fish", "fish-common", "libpcre2-32-0"];
  const [own, shared, pcre] = await Promise.all(packages.map((each) => unpackedPackage(each)));
  const [libraries = ""] = globSync(`${pcre}/usr/lib/*-linux-gnu*`);
  return {
    fish: `${own}/usr/bin/fish`,
    setup: `set fish_function_path ${shared}/usr/share/fish/functions`,
    libraries,
  };
}
