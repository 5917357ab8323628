import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import manifest from "../../../package.json" with { type: "json" };
import { attachEngine, describeEngine } from "../../support/engine/attach.ts";
import type { Engine } from "../../support/engine/docker.ts";
import { startNode, type TestNode } from "../../support/engine/node.ts";
import { eventually } from "../../support/eventually.ts";
import { parseExposition } from "../../support/exposition.ts";
import { slowMs } from "../../support/slowness.ts";

const ROOT = join(import.meta.dirname, "../../..");
const UNIT = "unitwatch.service";
const DEB = "/root/unitwatch.deb";
const CONFFILE = "/etc/default/unitwatch";
/** Files that are there after an installation, besides the program. */
const FILES = [
  "/usr/bin/unitwatch",
  "/usr/lib/systemd/system/unitwatch.service",
  "/usr/share/man/man1/unitwatch.1.gz",
  "/usr/share/bash-completion/completions/unitwatch",
  "/usr/share/zsh/vendor-completions/_unitwatch",
  "/usr/share/fish/vendor_completions.d/unitwatch.fish",
  "/usr/share/doc/unitwatch/copyright",
];
/** Lists what is left of the package in the container, apart from its own copy of the .deb. */
const LEFT = `find / -xdev -name '*unitwatch*' ! -path ${DEB} ! -path '/proc/*' ! -path '/sys/*' \
  ! -path '/var/lib/systemd/deb-systemd-helper*'; ls /var/lib/unitwatch /run/unitwatch 2>/dev/null || true`;

describeEngine("the package of Debian", () => {
  let engine: Engine;
  let folder: string;
  let deb: string;

  beforeAll(async () => {
    engine = attachEngine();
    folder = await mkdtemp(join(tmpdir(), "unitwatch-deb-"));
    const script = ["run", "--silent", "package:deb", "--", folder];
    // A fast compressor: the content is the same.
    const env = { DPKG_DEB_COMPRESSOR_TYPE: "gzip", DPKG_DEB_COMPRESSOR_LEVEL: "1" };
    const { stdout } = await execa("npm", script, { cwd: ROOT, env });
    deb = stdout.trim().split("\n").at(-1) ?? "";
  }, slowMs(120_000));
  afterAll(() => rm(folder, { recursive: true }));

  describe.each(["bookworm", "trixie"] as const)("in %s", (suite) => {
    const stack = new AsyncDisposableStack();
    let node: TestNode;

    beforeAll(async () => {
      const socket = new URL(engine.host).pathname;
      node = stack.use(
        await startNode(engine, {
          name: `deb-${suite}-${engine.runId}`,
          suite,
          args: [`--volume=${socket}:/run/docker.sock`],
        }),
      );
      await engine.docker(["cp", deb, `${node.id}:${DEB}`]);
    }, slowMs(180_000));
    afterAll(() => stack.disposeAsync());

    const shown = async (property: string): Promise<string> =>
      node.systemctl("show", `--property=${property}`, "--value", UNIT);
    const dpkg = (...args: readonly string[]) => node.tryExec(["dpkg", ...args]);
    const isActive = async (): Promise<void> => {
      await eventually(async () => (await shown("ActiveState")) === "active");
    };

    test("is installed, and says what the engine lacks, without the group of the socket", async () => {
      const { exitCode, stderr } = await dpkg("--install", DEB);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      expect(stderr).toContain("unitwatch: not started: no group docker. ");
      expect(await shown("ActiveState")).toBe("inactive");
      expect(await shown("UnitFileState")).toBe("enabled");
      expect((await dpkg("--status", "unitwatch")).stdout).toContain(
        "Status: install ok installed",
      );
    });

    test("has the program, its page and its completions, for each user", async () => {
      const command = ["setpriv", "--reuid=65534", "--clear-groups", "unitwatch", "--version"];
      expect(await node.exec(command)).toContain(`unitwatch ${manifest.version}`);
      for (const file of FILES)
        expect(await node.exec(["stat", "--format=%U:%G", file])).toBe("root:root");
      expect((await dpkg("--verify", "unitwatch")).stdout).toBe("");
      expect(await node.tryExec(["systemd-analyze", "verify", "--man=no", UNIT])).toMatchObject({
        stderr: "",
      });
    });

    test("starts it when it is installed again, and keeps the settings", async () => {
      const { gid } = await stat(new URL(engine.host).pathname);
      await node.exec(["groupadd", "--non-unique", `--gid=${gid}`, "docker"]);
      const settings = `UNITWATCH_WATCH_FILTER=name=${node.name}\n`;
      await node.exec(["sh", "-c", `cat >${CONFFILE}`], { input: settings });
      expect(await dpkg("--force-confold", "--install", DEB)).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
      await isActive();

      expect(await node.exec(["cat", CONFFILE])).toBe(settings.trim());
      const script = `fetch("http://localhost:10558/metrics").then((r) => r.text()).then(console.log)`;
      const text = await node.exec(["/usr/lib/unitwatch/node", "--eval", script]);
      const scrape = parseExposition(`${text.trim()}\n`);
      expect(scrape.value("unitwatch_engine_up")).toBe(1);
      expect(scrape.select("container_info").map(({ labels }) => labels["container"])).toEqual([
        node.name,
      ]);
    });

    test("is restarted by an upgrade, and left stopped if it was disabled", async () => {
      const pid = await shown("MainPID");
      await dpkg("--install", DEB);
      await eventually(async () => (await shown("MainPID")) !== pid);
      await isActive();

      await node.systemctl("disable", "--now", UNIT);
      expect(await dpkg("--install", DEB)).toMatchObject({ exitCode: 0 });
      expect(await shown("ActiveState")).toBe("inactive");
      await node.systemctl("enable", "--now", UNIT);
      await isActive();
    });

    test("keeps settings and storage when it is removed, and nothing when it is purged", async () => {
      expect(await dpkg("--remove", "unitwatch")).toMatchObject({ exitCode: 0 });
      expect((await node.processes()).filter(({ args }) => args.includes("unitwatch"))).toEqual([]);
      const kept = await node.exec(["sh", "-c", LEFT]);
      expect(kept).toContain(CONFFILE);
      expect(kept).toContain("unitwatch.sqlite");

      expect(await dpkg("--purge", "unitwatch")).toMatchObject({ exitCode: 0 });
      expect(await node.exec(["sh", "-c", LEFT])).toBe("");
      expect((await dpkg("--audit")).stdout).toBe("");
      expect(await node.systemctl("show", "--property=LoadState", "--value", UNIT)).toBe(
        "not-found",
      );
    });
  });
});
