import { expect, test } from "@jest/globals";
import type { Process, ProcessExit } from "../../../src/domain/process.ts";
import { DockerCli } from "../../../src/engine/cli/docker-cli.ts";
import type { DockerCliOptions } from "../../../src/engine/cli/docker-cli.ts";
import { FakeExecutor, FakeProcess } from "../../support/fake-process.ts";
import { InteractiveFakeProcess } from "../../support/interactive-fake-process.ts";
import { turns } from "../../support/turns.ts";

const NEVER = new AbortController().signal;
const INSPECT = { limitMs: 10_000, signal: NEVER };

function ended(
  stdout: string,
  exit: { readonly [Key in keyof ProcessExit]?: ProcessExit[Key] } = { exitCode: 0 },
): InteractiveFakeProcess {
  const process = new InteractiveFakeProcess();
  process.stdout.end(stdout);
  process.exit(exit);
  return process;
}

/** Says nothing until it is killed. */
function hanging(): InteractiveFakeProcess {
  const process = new InteractiveFakeProcess();
  void process.killed.then(() => {
    process.stdout.end();
    process.exit({ exitCode: undefined, signal: "SIGKILL", stderr: "" });
  });
  return process;
}

/** A CLI whose n-th command is answered by the n-th process, and a list of these commands. */
function cli(
  processes: readonly Process[],
  options: Partial<DockerCliOptions> = {},
): { readonly docker: DockerCli; readonly executor: FakeExecutor } {
  const executor = new FakeExecutor((call) => {
    const process = processes[call];
    if (process === undefined) throw new Error(`command ${call} was one too many`);
    return process;
  });
  const docker = new DockerCli(executor, {
    command: "docker",
    host: undefined,
    filters: [],
    ...options,
  });
  return { docker, executor };
}

const EVENTS = { sinceNs: 1_795_345_335_000_000_007n, actions: ["start", "die"], signal: NEVER };

test("starts events with exact arguments and the time to the nanosecond", async () => {
  const process = new FakeProcess();
  const { docker, executor } = cli([process]);
  expect(await docker.events(EVENTS)).toBe(process);
  expect(executor.calls.map((call) => call.join(" "))).toEqual([
    "docker events --since 1795345335.000000007 --filter type=container --filter event=start --filter event=die --format {{json .}}",
  ]);
});

test("requests past events from podman without a stream", async () => {
  const untilNs = EVENTS.sinceNs + 5_000_000_000n;
  const asked = async (command: string): Promise<string | undefined> => {
    const { docker, executor } = cli([new FakeProcess()], { command });
    await docker.events({ ...EVENTS, untilNs });
    return executor.calls[0]?.slice(2, 6).join(" ");
  };
  expect(await asked("docker")).toBe("--since 1795345335.000000007 --until 1795345340.000000007");
  expect(await asked("podman")).toBe("--since 1795345335.000000007 --stream=false --filter");
});

test.each([
  [undefined, undefined],
  ["ssh://alice@far.example:22", "ssh://far.example:22"],
  ["ssh://alice@[::1]:22/hidden@b", "ssh://[::1]:22"],
  ["tcp://engine:2376", "tcp://engine:2376"],
  ["unix:///a@b/docker.sock", "unix:///a@b/docker.sock"],
])("shows the address %j as %j", (host, where) => {
  expect(cli([], { host }).docker.where).toBe(where);
});

test("passes filters to listings, and to events those that events support", async () => {
  const { docker, executor } = cli([new FakeProcess(), ended("")], {
    filters: ["label=sind.cluster=dev", "name=web", "label=a"],
  });
  await docker.events({ ...EVENTS, actions: ["start"] });
  await docker.list(NEVER);
  expect(executor.calls.map((call) => call.slice(4).join(" "))).toEqual([
    "--filter type=container --filter event=start --filter label=sind.cluster=dev --filter label=a --format {{json .}}",
    "--quiet --filter label=sind.cluster=dev --filter name=web --filter label=a",
  ]);
});

test.each([
  ["docker", ["docker", "--host", "tcp://e:2375"]],
  ["/usr/bin/docker", ["/usr/bin/docker", "--host", "tcp://e:2375"]],
  ["podman", ["podman", "--url", "tcp://e:2375"]],
  ["/opt/podman-remote", ["/opt/podman-remote", "--url", "tcp://e:2375"]],
])("passes %s the host before the command", async (command, begin) => {
  const { docker, executor } = cli([ended(""), ended("[]"), new InteractiveFakeProcess()], {
    command,
    host: "tcp://e:2375",
  });
  await docker.list(NEVER);
  await docker.inspect(["a1"], INSPECT);
  await docker.exec("a1", ["true"], { signal: NEVER });
  expect(executor.calls.map((call) => call.slice(0, 4))).toEqual([
    [...begin, "ps"],
    [...begin, "inspect"],
    [...begin, "exec"],
  ]);
});

test("lists with exact arguments, leaves out other text than ids, and closes stdin", async () => {
  const id = "0123456789abcdef".repeat(4);
  const process = ended(`${id}\n0123456789ab\n\nWARNING: odd\n-f\n${id}00\n`);
  const { docker, executor } = cli([process]);
  expect(await docker.list(NEVER)).toEqual([id, "0123456789ab"]);
  expect(executor.calls).toEqual([["docker", "ps", "--all", "--no-trunc", "--quiet"]]);
  expect(process.stdin.ended).toBe(true);
});

test("inspects 200 ids a command, one command after the other", async () => {
  const ids = Array.from({ length: 401 }, (_, at) => `c${at}`);
  const parts = [ids.slice(0, 200), ids.slice(200, 400), ids.slice(400)];
  const { docker, executor } = cli(
    parts.map((part) => ended(JSON.stringify(part.map((Id) => ({ Id }))))),
  );
  const { documents } = await docker.inspect(ids, INSPECT);
  expect(documents).toEqual(ids.map((Id) => ({ Id })));
  expect(executor.calls.map((call) => call.slice(0, 4))).toEqual(
    parts.map(() => ["docker", "inspect", "--type", "container"]),
  );
  expect(executor.calls.map((call) => call.slice(4))).toEqual(parts);
});

test("runs no command when there are no ids", async () => {
  const { docker, executor } = cli([]);
  expect(await docker.inspect([], INSPECT)).toEqual({ documents: [], failures: [] });
  expect(executor.calls).toEqual([]);
});

test.each([
  ["Error: No such container: b2\n", '[{"Id":"a1"}]\n', [{ Id: "a1" }]],
  ["Error: no such object: a1\nError: no such object: b2", "[]\n", []],
  ["Error: no such container a1\nError: no such container b2", "[]", []],
])("reports no failure for removed containers: %j", async (stderr, stdout, documents) => {
  const { docker } = cli([ended(stdout, { exitCode: 1, stderr })]);
  expect(await docker.inspect(["a1", "b2"], INSPECT)).toEqual({ documents, failures: [] });
});

test("rejects an inspection when the engine is unavailable", async () => {
  const stderr = "Cannot connect to the Docker daemon at unix:///x. Is it running?\n";
  const { docker, executor } = cli([ended("[]", { exitCode: 1, stderr })]);
  await expect(docker.inspect(["a1", "b2"], INSPECT)).rejects.toThrow(
    `docker inspect failed: ${stderr.trim()}`,
  );
  expect(executor.calls).toHaveLength(1);
});

test.each([
  ["another error", "[]", { exitCode: 1, stderr: "oops\n" }, "oops"],
  ["no JSON", "oops", { exitCode: 0, stderr: "" }, "exit code 0"],
  ["no array", "{}", { exitCode: 0, stderr: "" }, "exit code 0"],
  ["a signal", "", { exitCode: undefined, stderr: "" }, "exit code none"],
])("reports a container that fails by %s", async (_what, stdout, exit, why) => {
  const { docker } = cli([ended(stdout, exit)], { command: "podman" });
  const { documents, failures } = await docker.inspect(["a1"], INSPECT);
  expect(documents).toEqual([]);
  expect(failures.map(({ id, error }) => [id, error.message])).toEqual([
    ["a1", `podman inspect failed: ${why}`],
  ]);
});

test("inspects the missing containers one by one when one fails", async () => {
  const stderr = "Error: No such container: d4\nError response from daemon: boom\n";
  const { docker, executor } = cli([
    ended('[{"Id":"a1"}]', { exitCode: 1, stderr }),
    ended("[]", { exitCode: 1, stderr: "Error response from daemon: boom" }),
    ended('[{"Id":"c3"}]'),
  ]);
  const { documents, failures } = await docker.inspect(["a1", "b2", "c3", "d4"], INSPECT);
  expect(documents).toEqual([{ Id: "a1" }, { Id: "c3" }]);
  expect(failures.map(({ id, error }) => [id, error.message])).toEqual([
    ["b2", "docker inspect failed: Error response from daemon: boom"],
  ]);
  expect(executor.calls.slice(1).map((call) => call.at(-1))).toEqual(["b2", "c3"]);
});

test("ends a command that hangs and inspects the others one by one", async () => {
  const { docker } = cli([hanging(), ended('[{"Id":"a1"}]'), hanging()]);
  const { documents, failures } = await docker.inspect(["a1", "b2"], {
    limitMs: 20,
    signal: NEVER,
  });
  expect(documents).toEqual([{ Id: "a1" }]);
  expect(failures.map(({ id, error }) => [id, error.message])).toEqual([
    ["b2", "docker inspect failed: no answer in 20 ms"],
  ]);
});

test("reads summaries with exact arguments, and none from a malformed line", async () => {
  const { docker, executor } = cli([ended('{"Id":"a1","Names":"web"}\noops\n')], {
    filters: ["label=a"],
  });
  const summaries = await docker.summaries(NEVER);
  expect(summaries.filter((each) => each !== undefined)).toEqual([{ Id: "a1", Names: "web" }]);
  expect(executor.calls[0]?.join(" ")).toBe(
    'docker ps --all --no-trunc --format {"Id":{{json .ID}},"Names":{{json .Names}},"Image":{{json .Image}},"State":{{json .State}},"Labels":{{json .Labels}}} --filter label=a',
  );
});

test("rejects a listing with the command's message", async () => {
  const stderr = "Cannot connect to the Docker daemon at unix:///x. Is it running?\n";
  const { docker } = cli([ended("", { exitCode: 1, stderr }), ended("", { exitCode: 2 })]);
  await expect(docker.list(NEVER)).rejects.toThrow(`docker ps failed: ${stderr.trim()}`);
  await expect(docker.list(NEVER)).rejects.toThrow("docker ps failed: exit code 2");
});

test("reads the host's name of Docker and of podman by the same command", async () => {
  const { docker, executor } = cli([
    ended('{"Name":"lab-1","Containers":3}\n'),
    ended('{"host":{"hostname":"lab-2"}}\n'),
    ended('{"Name":"a b"}\n'),
    ended('{"ServerErrors":["down"]}\n', { exitCode: 1, stderr: "errors pretty printing info\n" }),
  ]);
  expect(await docker.hostName()).toBe("lab-1");
  expect(await docker.hostName()).toBe("lab-2");
  expect(await docker.hostName()).toBeUndefined();
  await expect(docker.hostName()).rejects.toThrow(
    "docker info failed: errors pretty printing info",
  );
  expect(executor.calls[0]).toEqual(["docker", "info", "--format", "{{json .}}"]);
});

test("asks no command for cgroups: podman's would run ps in the container", async () => {
  const { docker, executor } = cli([]);
  expect(await docker.cgroups()).toBeUndefined();
  expect(executor.calls).toEqual([]);
});

test("counts the execs of a container, whose commands the engine's command doesn't report", async () => {
  const replies = ['["e1","e2"]\n', "null\n", "[]\n"].map((text) => ended(text));
  const { docker, executor } = cli([
    ...replies,
    ended("", { exitCode: 1, stderr: "no such container" }),
  ]);
  expect(await docker.execs("a1", NEVER)).toEqual([undefined, undefined]);
  expect(await docker.execs("a1", NEVER)).toEqual([]);
  expect(await docker.execs("a1", NEVER)).toEqual([]);
  await expect(docker.execs("a1", NEVER)).rejects.toThrow("no such container");
  expect(executor.calls[0]).toEqual([
    "docker",
    "inspect",
    "--type",
    "container",
    "--format",
    "{{json .ExecIDs}}",
    "a1",
  ]);
});

test("ends a listing that hangs", async () => {
  const process = hanging();
  const { docker } = cli([process], { listLimitMs: 20 });
  await expect(docker.list(NEVER)).rejects.toThrow("docker ps failed: no answer in 20 ms");
  expect(process.kills).toBeGreaterThan(0);
});

test("rejects with the executor's error when a command doesn't start", async () => {
  const docker = new DockerCli(
    new FakeExecutor(() => Promise.reject(new Error("can't start docker: ENOENT"))),
    { command: "docker", host: undefined, filters: [] },
  );
  await expect(docker.list(NEVER)).rejects.toThrow("can't start docker: ENOENT");
  await expect(docker.events(EVENTS)).rejects.toThrow("can't start docker: ENOENT");
  await expect(docker.exec("a1", [], { signal: NEVER })).rejects.toThrow("ENOENT");
});

test("starts an exec with exact arguments, with and without a user, and keeps stdin open", async () => {
  const process = new InteractiveFakeProcess();
  const { docker, executor } = cli([process, new InteractiveFakeProcess()]);
  expect(await docker.exec("a1", ["sh", "-c", "x y"], { signal: NEVER })).toBe(process);
  await docker.exec("a1", ["bridge"], { user: "65534:65534", signal: NEVER });
  expect(executor.calls).toEqual([
    ["docker", "exec", "--interactive", "a1", "sh", "-c", "x y"],
    ["docker", "exec", "--interactive", "--user", "65534:65534", "a1", "bridge"],
  ]);
  expect(process.stdin.ended).toBe(false);
  expect(process.kills).toBe(0);
});

test("rejects an exec without stdin and ends its process", async () => {
  const process = new FakeProcess();
  const { docker } = cli([process]);
  await expect(docker.exec("a1", ["sh"], { signal: NEVER })).rejects.toThrow(
    "docker exec has no stdin",
  );
  expect(process.kills).toBe(1);
});

test("ends an exec when the signal aborts during its start, but not after it", async () => {
  const late = new InteractiveFakeProcess();
  const starting = Promise.withResolvers<Process>();
  const docker = new DockerCli(new FakeExecutor(() => starting.promise), {
    command: "docker",
    host: undefined,
    filters: [],
  });
  const end = new AbortController();
  const exec = docker.exec("a1", ["sh"], { signal: end.signal });
  end.abort(new Error("stop"));
  starting.resolve(late);
  await expect(exec).rejects.toThrow("stop");
  expect(late.kills).toBe(1);

  const process = new InteractiveFakeProcess();
  const after = new AbortController();
  await cli([process]).docker.exec("a1", ["sh"], { signal: after.signal });
  after.abort();
  await turns();
  expect(process.kills).toBe(0);
});

test("returns a command's output and its failure", async () => {
  const { docker, executor } = cli([
    ended("out", { exitCode: 126, stderr: "err" }),
    ended("123456"),
  ]);
  const options = { signal: NEVER, maxBytes: 5 };
  expect(await docker.run("a1", ["busctl", "list"], { ...options, user: "0:0" })).toEqual({
    stdout: "out",
    exitCode: 126,
    stderr: "err",
  });
  expect(executor.calls).toEqual([
    ["docker", "exec", "--interactive", "--user", "0:0", "a1", "busctl", "list"],
  ]);
  await expect(docker.run("a1", ["cat"], options)).rejects.toThrow(
    "docker exec failed: its output is larger than 5 bytes",
  );
});

test("kills the event stream on abort, unless it has ended", async () => {
  const end = new AbortController();
  const [killed, over] = [new FakeProcess(), new FakeProcess()];
  const { docker } = cli([killed, over]);
  const options = { ...EVENTS, signal: end.signal };
  await docker.events(options);
  await docker.events(options);
  over.exit({ exitCode: 1 });
  await turns();
  end.abort();
  expect([killed.kills, over.kills]).toEqual([1, 0]);
});

test("kills a listing and an inspection on abort, and rejects with its reason", async () => {
  for (const ask of ["list", "inspect", "run"] as const) {
    const process = new InteractiveFakeProcess();
    const end = new AbortController();
    const { docker } = cli([process]);
    const asked =
      ask === "list"
        ? docker.list(end.signal)
        : ask === "inspect"
          ? docker.inspect(["a1"], { ...INSPECT, signal: end.signal })
          : docker.run("a1", ["x"], { signal: end.signal, maxBytes: 9 });
    await turns();
    end.abort(new Error("stop"));
    expect(process.kills).toBe(1);
    process.stdout.end("[]");
    process.exit();
    await expect(asked).rejects.toThrow(/^stop$/);
  }
});

test("kills the commands that run when it is closed, and no other", async () => {
  const [over, stream, exec] = [1, 2, 3].map(() => new InteractiveFakeProcess()) as [
    InteractiveFakeProcess,
    InteractiveFakeProcess,
    InteractiveFakeProcess,
  ];
  const { docker } = cli([over, stream, exec]);
  const { signal } = new AbortController();
  await docker.exec("a1", ["true"], { signal });
  over.exit();
  await turns();
  await docker.events({ ...EVENTS, signal });
  await docker.exec("a1", ["cat"], { signal });
  docker.close();
  expect([over.kills, stream.kills, exec.kills]).toEqual([0, 1, 1]);
});

test("starts nothing when the signal has aborted already", async () => {
  const { docker, executor } = cli([]);
  const signal = AbortSignal.abort(new Error("stop"));
  await expect(docker.list(signal)).rejects.toThrow("stop");
  await expect(docker.inspect(["a1"], { ...INSPECT, signal })).rejects.toThrow("stop");
  await expect(docker.events({ ...EVENTS, signal })).rejects.toThrow("stop");
  await expect(docker.exec("a1", ["sh"], { signal })).rejects.toThrow("stop");
  expect(executor.calls).toEqual([]);
});

test("kills the event stream when the signal aborts during its start", async () => {
  const starting = Promise.withResolvers<Process>();
  const docker = new DockerCli(new FakeExecutor(() => starting.promise), {
    command: "docker",
    host: undefined,
    filters: [],
  });
  const end = new AbortController();
  const events = docker.events({ ...EVENTS, signal: end.signal });
  end.abort();
  const process = new FakeProcess();
  starting.resolve(process);
  await events;
  expect(process.kills).toBe(1);
});
