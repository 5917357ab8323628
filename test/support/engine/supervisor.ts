/**
 * Runs a private engine for another process: `node supervisor.ts DIR CGROUP`.
 *
 * Lines on stdin are commands for `private-engine.sh`, lines on stdout its replies. When stdin ends,
 * because the owner closed it or died, the engine ends with all its containers, and its cgroups and
 * folder are removed. If this process is killed, the engine still ends, but the folder and empty
 * cgroups stay.
 */
import { spawn, spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";

const [dir, cgroup] = process.argv.slice(2);
if (dir === undefined || cgroup === undefined) throw new Error("usage: supervisor.ts DIR CGROUP");
const script = join(dir, "private-engine.sh");

const engine = spawn(
  "unshare",
  ["-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", script, "run", dir, cgroup],
  { stdio: ["pipe", "inherit", "inherit"] },
);
const ended = once(engine, "exit");
engine.stdin.on("error", () => {});
process.stdout.on("error", () => {});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => engine.stdin.end());
}
process.stdin.pipe(engine.stdin);

await ended;
spawnSync("unshare", ["-m", "sh", script, "sweep", dir, cgroup], { stdio: "inherit" });
await rm(dir, { recursive: true, force: true, maxRetries: 10 });
process.exit();
