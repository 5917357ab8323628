import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** Returns the environment with the folders of system commands on PATH, which a user's may lack. */
export const systemEnv = (): { readonly PATH: string } => ({
  PATH: `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
});

/** Lock for apt, which fails if another apt runs. */
const APT_LOCK = join(tmpdir(), "unitwatch-apt.lock");

/**
 * Installs the packages of missing commands with apt, without recommended packages. `providers` maps
 * a command to its packages, separated by spaces. @throws if a command is still missing
 */
export async function ensureCommands(
  providers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const missing = await missingCommands(Object.keys(providers));
  if (missing.length === 0) return;
  const packages = missing.flatMap((command) => (providers[command] ?? command).split(" "));
  const uncut = { env: { ...systemEnv(), DEBIAN_FRONTEND: "noninteractive" } };
  const options = { ...uncut, ...(signal && { cancelSignal: signal }) };
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  await execa("flock", [APT_LOCK, "apt-get", "update"], options);
  await execa("flock", [APT_LOCK, "apt-get", ...install, "--download-only"], options);
  // Has no time limit: an interrupted dpkg must be repaired by hand.
  await execa("flock", [APT_LOCK, "apt-get", ...install], uncut);
  signal?.throwIfAborted();
  const still = await missingCommands(missing);
  if (still.length > 0)
    throw new Error(`${packages.join(", ")} did not provide ${still.join(", ")}`);
}

/** Returns the commands that aren't installed. */
export async function missingCommands(commands: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    commands.map((command) =>
      execa("sh", ["-c", 'command -v "$1"', "sh", command], { reject: false, env: systemEnv() }),
    ),
  );
  return commands.filter((_, index) => found[index]?.exitCode !== 0);
}
