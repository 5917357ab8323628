import { execa } from "execa";
import { debianCommand } from "./debian-command.ts";
import { systemEnv } from "./engine/packages.ts";

export interface PromtoolResult {
  readonly exitCode: number | undefined;
  /** Stdout and stderr, interleaved. */
  readonly output: string;
}

/** Runs promtool, from Debian's package if it isn't installed. */
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
