import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { execa } from "execa";
import { SHELLS } from "../src/config/commands.ts";
import { completionScript } from "../src/config/completion/completion-script.ts";
import { fakeEngine } from "./support/fake-engine.ts";
import { programFile } from "./support/program.ts";
import { startUnitwatch } from "./support/unitwatch.ts";
import { eventually } from "./support/eventually.ts";

const MAIN = programFile();

const PARSERS = {
  json: (line: string) => JSON.parse(line) as Record<string, unknown>,
  logfmt(line: string): Record<string, unknown> {
    const field = /(?:^| )([\w.-]+)=([^\s"=\\]+|"(?:[^"\\]|\\.)*")/gy;
    const fields = [...line.matchAll(field)];
    expect(fields.map(([text]) => text).join("")).toBe(line);
    return Object.fromEntries(
      fields.map(([, key = "", value = ""]) => [
        key,
        value.startsWith('"') ? (JSON.parse(value) as string) : value,
      ]),
    );
  },
};

test("removes the variables of systemd from its environment", async () => {
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

test.each([
  [
    { DOCKER_HOST: "tcp://h", DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/nowhere" },
    /^unitwatch: error: DOCKER_CERT_PATH: cannot read the certificate file \/nowhere\/ca\.pem: ENOENT[^\n]+\n$/,
  ],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "https://h", OTEL_EXPORTER_OTLP_CERTIFICATE: "/nowhere" },
    /^unitwatch: error: cannot read the certificate file \/nowhere: ENOENT[^\n]+\n$/,
  ],
])("checks the certificates that variables name: %j", async (env, problem) => {
  const check = [MAIN, "--check-config"];
  const { exitCode, stdout, stderr } = await execa(process.execPath, check, { env, reject: false });
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(`${stderr}\n`).toMatch(problem);
});

test("prints one line when Node.js is too old", async () => {
  const old = `Object.defineProperty(process, "version", { value: "v20.20.2" })`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(old)}`, MAIN, "wait"];
  const { exitCode, stdout, stderr } = await execa(process.execPath, args, { reject: false });
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toBe("unitwatch: error: expected Node.js 24.12 or newer, got v20.20.2");
});

test.each(SHELLS)("prints the completion of %s in any environment", async (shell) => {
  const env = { UNITWATCH_LOG_LEVEL: "nonsense" };
  const { stdout, stderr } = await execa(process.execPath, [MAIN, "completion", shell], { env });
  expect([`${stdout}\n`, stderr]).toEqual([completionScript(shell), ""]);
});

test.each(["json", "logfmt"] as const)("writes only log lines to stderr, in %s", async (format) => {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch main-"));
  try {
    await using engine = await fakeEngine({
      answer(path, response) {
        if (path.includes("/events")) response.write("\n");
        else response.end("[]");
        return true;
      },
    });
    const child = execa(process.execPath, [MAIN], {
      env: {
        UNITWATCH_LOG_FORMAT: format,
        UNITWATCH_DOCKER_HOST: `unix://${engine.socketPath}`,
        UNITWATCH_WEB_LISTEN_ADDRESS: "127.0.0.1:0",
        UNITWATCH_STORAGE_PATH: folder,
        UNITWATCH_OTLP_LOGS: "on",
      },
      reject: false,
      timeout: 30_000,
    });
    let output = "";
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    child.stderr.on("data", (chunk) => {
      output += String(chunk);
      if (/\bready\b.*\n/.test(output)) resolve();
    });
    await Promise.race([ready, child]);
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await child;
    expect([exitCode, stdout]).toEqual([0, ""]);
    const lines = stderr.split("\n").map(PARSERS[format]);
    for (const line of lines) {
      expect(line).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: expect.stringMatching(/^(?:info|warn)$/),
      });
    }
    expect(lines.filter(({ level }) => level === "info").map(({ msg }) => msg)).toEqual([
      "unitwatch starting",
      "engine settings",
      "container settings",
      "systemd settings",
      "storage",
      "OTLP log export enabled",
      "web access",
      "listening",
      "connected to container engine",
      "ready",
      "shutting down",
      "unitwatch stopped",
    ]);
    const line = (name: string) => lines.find(({ msg }) => msg === name);
    expect(line("storage")).toMatchObject({ path: folder });
    // `seconds` counts from the start of the process: at least the time between these lines, which are
    // written to the millisecond.
    const sinceMs = Date.parse(String(line("unitwatch starting")?.["time"]));
    const tookMs = Date.parse(String(line("ready")?.["time"])) - sinceMs;
    expect(Number(line("ready")?.["seconds"]) * 1_000).toBeGreaterThan(tookMs - 5);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each(["engine", "command"])(
  "ends by itself at the time limit when the %s doesn't answer",
  async (runtime) => {
    const folder = await mkdtemp(join(tmpdir(), "unitwatch-main-"));
    await using engine = await fakeEngine({ answer: () => true });
    try {
      const command = join(folder, "docker");
      await writeFile(command, "#!/bin/sh\nexec sleep 600\n");
      await chmod(command, 0o755);
      const way =
        runtime === "engine"
          ? [`--docker.host=unix://${engine.socketPath}`]
          : ["--docker.runtime=cli", `--docker.command=${command}`];
      const args = [MAIN, "wait", "--container=x", "--timeout=500ms", "--log.level=debug", ...way];
      const { exitCode, stdout, stderr } = await execa(process.execPath, args, { reject: false });
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("unitwatch wait: not true at the time limit");
      expect(stderr).not.toContain("process ended with handles open");
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test("exits with 2 and one line when Node.js is too old", async () => {
  const old = 'Object.defineProperty(process, "version", { value: "v20.20.2" })';
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [`--import=data:text/javascript,${encodeURIComponent(old)}`, MAIN],
    { reject: false },
  );
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "unitwatch: error: expected Node.js 24.12 or newer, got v20.20.2",
  });
});
