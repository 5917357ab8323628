import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { COMMANDS, SHELLS } from "../../../src/config/commands.ts";
import type { Shell } from "../../../src/config/commands.ts";
import { completionScript } from "../../../src/config/completion/completion-script.ts";
import { FLAGS, SWITCHES } from "../../../src/config/flags.ts";
import { startBash } from "../../support/shells/bash.ts";
import { startFish } from "../../support/shells/fish.ts";
import type { CompletingShell, ShellOptions } from "../../support/shells/shell.ts";
import { startZsh } from "../../support/shells/zsh.ts";

const START: Readonly<Record<Shell, (options: ShellOptions) => Promise<CompletingShell>>> = {
  bash: startBash,
  zsh: startZsh,
  fish: startFish,
};
const CONTAINERS = ["sind-dev-controller", "sind-dev-worker-0", "web"];
const DOCKER = `#!/bin/sh
echo "$*" >>"$(dirname "$0")/requests"
echo "an error of docker" >&2
printf '%s\\n' ${CONTAINERS.join(" ")}
`;

const switches = Object.keys(SWITCHES).map((name) => `--${name}`);
const flags = Object.values(FLAGS).map(({ name }) => `--${name}`);

/** Completions that each shell offers at the end of a line. */
const OFFERS: readonly (readonly [line: string, offers: readonly string[]])[] = [
  ["unitwatch ", [...Object.keys(COMMANDS), "help"]],
  ["unitwatch help ", Object.keys(COMMANDS)],
  ["unitwatch help e", ["events"]],
  ["unitwatch help --", []],
  ["unitwatch w", ["wait"]],
  ["unitwatch --", [...switches, ...flags]],
  ["unitwatch --log", ["--log.changes", "--log.format", "--log.level"]],
  ["unitwatch --docker.runtime=", ["auto", "cli", "engine", "proc"]],
  ["unitwatch --runtime ", ["auto", "cli", "engine", "proc"]],
  ["unitwatch --log.level=debug --systemd.transport d", ["dbus"]],
  ["unitwatch --systemd.transport=o", ["off"]],
  ["unitwatch --log.format x", []],
  ["unitwatch --docker.host=", []],
  ["unitwatch --docker.host ", []],
  ["unitwatch --web.config.file=f", ["fi le.yml", "file.yml", "folder"]],
  ["unitwatch --web.config.file f", ["fi le.yml", "file.yml", "folder"]],
  ["unitwatch --web.config.file=folder/i", ["folder/inner.yml"]],
  ["unitwatch --storage.path=fo", ["folder"]],
  ["unitwatch --storage.path fo", ["folder"]],
  ["unitwatch --docker.command=dock-of-test", ["dock-of-tests"]],
  ["unitwatch wait --container ", CONTAINERS],
  ["unitwatch wait --container=sind", CONTAINERS.slice(0, 2)],
  ["unitwatch wait --timeout 5s --container web --container s", CONTAINERS.slice(0, 2)],
  ["unitwatch wait --sys", ["--system", "--systemd.transport"]],
  ["unitwatch wait --system d", ["degraded"]],
  ["unitwatch wait --system=running,d", ["running,degraded"]],
  ["unitwatch wait --health unhealthy,h", ["unhealthy,healthy"]],
  ["unitwatch wait --web", []],
  ["unitwatch events --kind=unit.fa", ["unit.failed"]],
  ["unitwatch events --js", ["--json"]],
  ["unitwatch status ", CONTAINERS],
  ["unitwatch status sind", CONTAINERS.slice(0, 2)],
  ["unitwatch status --js", ["--json"]],
  ["unitwatch completion ", SHELLS],
  ["unitwatch completion b", ["bash"]],
];

let root: string;
let bin: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "unitwatch-completion-"));
  bin = join(root, "bin");
  await mkdir(bin);
  for (const [name, text] of [
    ["docker", DOCKER],
    ["dock-of-tests", "#!/bin/sh\n"],
  ] as const) {
    await writeFile(join(bin, name), text);
    await chmod(join(bin, name), 0o755);
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Starts a shell in a folder with files to complete. */
async function started(shell: Shell, start = START[shell]): Promise<CompletingShell> {
  const folder = await mkdtemp(join(root, `${shell}-`));
  await mkdir(join(folder, "folder"));
  for (const name of ["file.yml", "fi le.yml", "other", "folder/inner.yml"]) {
    await writeFile(join(folder, name), "");
  }
  return start({ script: completionScript(shell), bin, folder });
}

describe.each(SHELLS)("in a real %s", (shell) => {
  const stack = new AsyncDisposableStack();
  let completing: CompletingShell;
  beforeAll(async () => {
    completing = stack.use(await started(shell));
  });
  afterAll(() => stack.disposeAsync());

  test.each(OFFERS)("completes %j", async (line, offers) => {
    const shown = offers.map((offer) => completing.shows(offer));
    expect((await completing.complete(line)).offers).toEqual(shown.toSorted());
  });

  test("offers flags when no word fits", async () => {
    // fish offers flags only after a dash.
    const dash = shell === "fish" ? "-" : "";
    expect((await completing.complete(`unitwatch completion bash ${dash}`)).offers).toEqual([
      "--help",
    ]);
    expect((await completing.complete(`unitwatch wait ${dash}`)).offers).toContain("--container");
  });

  test("requests only names from docker and hides its errors", async () => {
    await rm(join(bin, "requests"), { force: true });
    await completing.complete("unitwatch wait --container w");
    expect(completing.shown).not.toContain("an error of docker");
    expect(new Set((await readFile(join(bin, "requests"), "utf8")).trim().split("\n"))).toEqual(
      new Set(["ps --all --format {{.Names}}"]),
    );
  });
});

test.each(SHELLS)(
  "offers no containers and prints nothing in %s when there is no engine",
  async (shell) => {
    const env = { UNITWATCH_DOCKER_COMMAND: "no-such-command" };
    await using completing = await started(shell, (options) => START[shell]({ ...options, env }));
    expect((await completing.complete("unitwatch wait --container ")).offers).toEqual([]);
    expect(completing.shown).not.toMatch(/no-such-command|error|not found/i);
  },
);

/** Line after completion. */
const LINES: readonly (readonly [line: string, after: string])[] = [
  ["unitwatch w", "unitwatch wait "],
  ["unitwatch --docker.r", "unitwatch --docker.runtime="],
  ["unitwatch --docker.runtime=e", "unitwatch --docker.runtime=engine "],
  ["unitwatch --docker.runtime e", "unitwatch --docker.runtime engine "],
  ["unitwatch --check", "unitwatch --check-config "],
  ["unitwatch --web.config.file=fi\\ ", "unitwatch --web.config.file=fi\\ le.yml "],
  ["unitwatch --storage.path=fo", "unitwatch --storage.path=folder/"],
  ["unitwatch wait --container=w", "unitwatch wait --container=web "],
];

describe.each(["bash", "zsh"] as const)("the line of %s", (shell) => {
  const stack = new AsyncDisposableStack();
  let completing: CompletingShell;
  beforeAll(async () => {
    completing = stack.use(await started(shell));
  });
  afterAll(() => stack.disposeAsync());

  test.each(LINES)("completes %j to %j", async (line, after) => {
    expect((await completing.complete(line)).line).toBe(after);
  });

  test("offers a given flag again only when it is repeatable", async () => {
    const line = "unitwatch --log.level=info --watch.filter=a --";
    const { offers } = await completing.complete(line);
    expect(offers).not.toContain("--log.level");
    expect(offers).toEqual(expect.arrayContaining(["--log.format", "--watch.filter"]));
  });
});

test("completes in bash when words aren't broken at = and :", async () => {
  const unbroken = "COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}";
  await using bash = await started("bash", (options) => startBash(options, unbroken));
  expect((await bash.complete("unitwatch --docker.runtime=e")).line).toBe(
    "unitwatch --docker.runtime=engine ",
  );
  expect((await bash.complete("unitwatch wait --system=running,deg")).line).toContain(
    "unitwatch wait --system=running,degraded",
  );
});

test("completes in zsh when the script is sourced", async () => {
  await using zsh = await started("zsh", (options) => startZsh(options, "source"));
  expect((await zsh.complete("unitwatch --docker.runtime=e")).line).toBe(
    "unitwatch --docker.runtime=engine ",
  );
});

test("loads no completion code when the sidecar starts", async () => {
  const src = join(import.meta.dirname, "../../../src");
  const loaded = new Set<string>();
  const load = async (file: string): Promise<void> => {
    if (loaded.has(file)) return;
    loaded.add(file);
    const text = await readFile(file, "utf8");
    const froms = text.matchAll(/^(?:import|export) (?!type )[^;]*?from "(\.[^"]+)";/gm);
    for (const [, name = ""] of froms) await load(join(file, "..", name));
  };
  await load(join(src, "program.ts"));
  await load(join(src, "app/app.ts"));
  expect(loaded).toContain(join(src, "config/commands.ts"));
  expect([...loaded].filter((file) => file.includes("/completion/"))).toEqual([]);
});
