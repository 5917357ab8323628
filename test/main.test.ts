import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startUnitwatch } from "./support/unitwatch.ts";
import { eventually } from "./support/eventually.ts";

test("what systemd asks of this process isn't handed on to its children", async () => {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-main-"));
  try {
    const command = join(folder, "docker");
    const seen = join(folder, "environment");
    await writeFile(command, `#!/bin/sh\nenv >"${seen}.$$" && mv "${seen}.$$" "${seen}"\nexit 1\n`);
    await chmod(command, 0o755);
    await using _unitwatch = await startUnitwatch({
      host: "unix:///nowhere",
      cluster: "none",
      args: ["--docker.runtime=cli", `--docker.command=${command}`],
      env: {
        NOTIFY_SOCKET: join(folder, "notify"),
        WATCHDOG_USEC: "60000000",
        WATCHDOG_PID: "1",
        HANDED_ON: "yes",
      },
    });

    const environment = await eventually(() => readFile(seen, "utf8"));
    expect(environment).toMatch(/^HANDED_ON=yes$/m);
    expect(environment).not.toMatch(/^(?:NOTIFY_SOCKET|WATCHDOG_)/m);
  } finally {
    await rm(folder, { recursive: true });
  }
});
