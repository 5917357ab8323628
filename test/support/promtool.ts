import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { missingCommands, systemEnv } from "./engine/packages.ts";

export interface PromtoolResult {
  readonly exitCode: number | undefined;
  /** Stdout and stderr as they came. */
  readonly output: string;
}

/**
 * Runs promtool. Where none is installed, the one of Debian's package is put into the cache:
 * installing the package would start a Prometheus.
 */
export async function promtool(args: readonly string[], input = ""): Promise<PromtoolResult> {
  const isInstalled = (await missingCommands(["promtool"])).length === 0;
  const { exitCode, all } = await execa(isInstalled ? "promtool" : await cached(), args, {
    input,
    all: true,
    reject: false,
    env: systemEnv(),
  });
  return { exitCode, output: all };
}

async function cached(): Promise<string> {
  const { UNITWATCH_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  const cache = own || join(xdg || join(homedir(), ".cache"), "unitwatch");
  const command = join(cache, "promtool");
  const isThere = await access(command).then(
    () => true,
    () => false,
  );
  if (isThere) return command;

  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(`${command}-`);
  try {
    const download = () => execa("apt-get", ["download", "prometheus"], { cwd: work });
    await download().catch(async () => {
      await execa("apt-get", ["update"]);
      await download();
    });
    const unpack = "dpkg-deb --fsys-tarfile *.deb | tar -x ./usr/bin/promtool";
    await execa("sh", ["-c", unpack], { cwd: work });
    await rename(join(work, "usr/bin/promtool"), command);
  } finally {
    await rm(work, { recursive: true });
  }
  return command;
}
