import { execa } from "execa";
import { debianCommand, suiteCommand } from "./debian-command.ts";
import { systemEnv } from "./engine/packages.ts";

export interface PromtoolResult {
  readonly exitCode: number | undefined;
  /** Stdout and stderr, interleaved. */
  readonly output: string;
}

/** Major version: Prometheus 3 evaluates ranges without their first moment, 2 with it. */
export type PrometheusMajor = 2 | 3;

/** Runs promtool 2, from Debian's package if it isn't installed. */
export async function promtool(args: readonly string[], input = ""): Promise<PromtoolResult> {
  return run(await debianCommand("promtool", "prometheus"), args, input);
}

/** Runs the promtool of this major version. Both need Debian. */
export async function promtoolOf(
  major: PrometheusMajor,
  args: readonly string[],
): Promise<PromtoolResult> {
  return major === 2 ? promtool(args) : run(await suiteCommand("sid", "promtool"), args);
}

async function run(command: string, args: readonly string[], input = ""): Promise<PromtoolResult> {
  const { exitCode, all } = await execa(command, args, {
    input,
    all: true,
    reject: false,
    // Rule tests take a quarter less CPU if garbage is collected less often.
    env: { ...systemEnv(), GOGC: "400" },
  });
  return { exitCode, output: all };
}
