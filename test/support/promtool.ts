import { execa } from "execa";
import { debianCommand } from "./debian-command.ts";
import { systemEnv } from "./engine/packages.ts";

export interface PromtoolResult {
  readonly exitCode: number | undefined;
  /** Stdout and stderr as they came. */
  readonly output: string;
}

/** Runs promtool, of Debian's package where none is installed. */
export async function promtool(args: readonly string[], input = ""): Promise<PromtoolResult> {
  const command = await debianCommand("promtool", "prometheus");
  const { exitCode, all } = await execa(command, args, {
    input,
    all: true,
    reject: false,
    env: systemEnv(),
  });
  return { exitCode, output: all };
}
