import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { EngineEvent } from "../../src/domain/engine-event.ts";
import type { ContainerRuntime, InspectAnswer } from "../../src/domain/runtime.ts";
import { DockerEngineSource } from "../../src/engine/docker-engine.ts";
import { identifier } from "../../src/engine/format/identity.ts";
import { FakeProcess } from "../support/fake-process.ts";
import { turns } from "../support/turns.ts";

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/docker/${name}`, import.meta.url), "utf8");

interface Watched {
  readonly source: DockerEngineSource;
  readonly process: FakeProcess;
  /** Requests to the runtime. */
  readonly asked: unknown[];
  readonly events: EngineEvent[];
  readonly parseErrors: () => number;
  readonly end: AbortController;
  /** Follows the events; resolves to the error's message, or "" without an error. */
  readonly listen: () => Promise<string>;
}

function watched(
  filters: readonly string[] = [],
  answers: Partial<InspectAnswer> & { readonly summaries?: readonly unknown[] } = {},
): Watched {
  const process = new FakeProcess();
  const asked: unknown[] = [];
  const runtime: Pick<ContainerRuntime, "events" | "list" | "inspect" | "summaries"> = {
    async events({ signal: _signal, ...options }) {
      asked.push(options);
      return process;
    },
    async list() {
      return ["a1", "b2"];
    },
    async inspect(ids) {
      asked.push(ids);
      return { documents: answers.documents ?? [], failures: answers.failures ?? [] };
    },
    async summaries() {
      asked.push("summaries");
      return answers.summaries ?? [];
    },
  };
  const source = new DockerEngineSource(
    runtime as ContainerRuntime,
    identifier(undefined, () => "docker"),
    filters,
  );
  const events: EngineEvent[] = [];
  let parseErrors = 0;
  const end = new AbortController();
  const sink = {
    event: (event: EngineEvent) => void events.push(event),
    parseError: () => void parseErrors++,
  };
  return {
    source,
    process,
    asked,
    events,
    parseErrors: () => parseErrors,
    end,
    listen: () =>
      source.events(sink, { sinceNs: 7n, signal: end.signal }).then(
        () => "",
        (error: Error) => error.message,
      ),
  };
}

const START =
  '{"Type":"container","Action":"start","Actor":{"ID":"a1","Attributes":{"name":"web"}}}';

test("requests only the actions that change the state", async () => {
  const { asked, process, listen } = watched();
  process.stdout.end();
  process.exit();
  await listen();
  expect(asked).toEqual([
    {
      sinceNs: 7n,
      actions: [
        "create",
        "start",
        "kill",
        "stop",
        "die",
        "oom",
        "pause",
        "unpause",
        "destroy",
        "restart",
        "rename",
        "health_status",
        "died",
        "remove",
      ],
    },
  ]);
});

test("emits each event of a recorded stream, however it is split", async () => {
  const { process, events, parseErrors, listen } = watched();
  const done = listen();
  const bytes = Buffer.from(fixture("events.jsonl"));
  for (let at = 0; at < bytes.length; at += 100) process.stdout.write(bytes.subarray(at, at + 100));
  process.stdout.end();
  process.exit({ exitCode: 0, stderr: "" });
  expect(await done).toBe("");
  const lines = fixture("events.jsonl").trim().split("\n");
  expect(events).toHaveLength(lines.length);
  expect(events.map(({ action }) => action)).toEqual(
    lines.map((line) => (JSON.parse(line) as { Action: string }).Action),
  );
  expect(parseErrors()).toBe(0);
});

test("reports malformed lines, and ignores events of other objects", async () => {
  const { process, events, parseErrors, listen } = watched();
  const done = listen();
  process.say("oops", '{"Type":"network","Action":"connect"}', START, '{"Action":7}');
  process.stdout.write(Buffer.from([0xff, 0x0a]));
  process.stdout.end(START);
  process.exit({ exitCode: 0, stderr: "" });
  expect(await done).toBe("");
  expect(events).toHaveLength(2);
  expect(parseErrors()).toBe(3);
});

test("ignores events of containers that the filters exclude", async () => {
  const { process, events, listen } = watched(["name=^web$"]);
  const done = listen();
  process.say(START, START.replace('"web"', '"db"'));
  process.stdout.end();
  process.exit();
  await done;
  expect(events.map(({ attributes }) => attributes.get("name"))).toEqual(["web"]);
});

test.each([
  [{ exitCode: 0, stderr: "" }, ""],
  [undefined, ""],
  [
    { exitCode: 1, stderr: "Cannot connect to the Docker daemon\n" },
    "Cannot connect to the Docker daemon",
  ],
])("ends a stream that exits with %j by the error %j", async (exit, message) => {
  const { process, listen } = watched();
  const done = listen();
  process.stdout.end();
  process.exit(exit);
  expect(await done).toBe(message);
  expect(process.kills).toBe(1);
});

test("rejects when the stream breaks, unless it was aborted", async () => {
  const broken = watched();
  const failed = broken.listen();
  await turns();
  broken.process.stdout.destroy(new Error("EIO"));
  expect(await failed).toBe("EIO");
  expect(broken.process.kills).toBe(1);

  const aborted = watched();
  const done = aborted.listen();
  await turns();
  aborted.end.abort();
  aborted.process.stdout.destroy(new Error("EPIPE"));
  expect(await done).toBe("");
});

test("emits nothing after an abort", async () => {
  const { process, events, end, listen } = watched();
  const done = listen();
  process.say(START);
  await turns();
  end.abort();
  process.say(START, START);
  process.stdout.end();
  expect(await done).toBe("");
  expect(events).toHaveLength(1);
  expect(process.kills).toBe(1);
});

test("parses the details of each inspect document", async () => {
  const documents = [...(JSON.parse(fixture("inspect.json")) as unknown[]), {}, null];
  const { source, asked } = watched([], { documents });
  const { signal } = new AbortController();
  const options = { signal, limitMs: 7 };
  const { details, failures } = await source.inspect(["x"], options);
  expect(details.map(({ identity }) => identity.name)).toEqual([
    "sind-dev-worker-0",
    "uwtest-inspect",
    "uwtest-oom",
  ]);
  expect(failures).toEqual([]);
  expect(await source.inspect([], options)).toEqual({ details: [], failures: [] });
  expect(asked).toEqual([["x"], "summaries"]);
  expect(await source.list(signal)).toEqual(["a1", "b2"]);
});

test("reports the listing of a container when its inspection fails, and leaves out destroyed ones", async () => {
  const [broken, odd, gone] = ["a", "b", "c"].map((digit) => digit.repeat(64));
  const { source } = watched([], {
    documents: [{ Id: odd, Name: "/odd" }],
    failures: [
      { id: broken ?? "", error: new Error("boom") },
      { id: gone ?? "", error: new Error("boom") },
    ],
    summaries: [
      undefined,
      { Id: "d".repeat(64), Names: ["/other"] },
      { Id: broken, Names: ["/web"], State: "running", Labels: { "sind.cluster": "dev" } },
      { Id: odd, Names: ["/odd"], State: "exited" },
    ],
  });
  const { signal } = new AbortController();
  const { details, failures } = await source.inspect(["x"], { signal, limitMs: 7 });
  expect(details).toEqual([]);
  expect(
    failures.map(({ id, error, summary }) => [id, error.message, summary.identity, summary.status]),
  ).toMatchObject([
    [broken, "boom", { id: broken, name: "web", cluster: "dev" }, "running"],
    [
      odd,
      "inspect document without name or status",
      { id: odd, name: "odd", cluster: "" },
      "exited",
    ],
  ]);
});

test("replays events up to the end", async () => {
  const { source, asked, process, events } = watched();
  const { signal } = new AbortController();
  const sink = { event: (event: EngineEvent) => void events.push(event), parseError: () => {} };
  const done = source.replay(sink, { sinceNs: 5n, untilNs: 9n, signal });
  process.say(START);
  process.stdout.end();
  process.exit({ exitCode: 0, stderr: "" });
  await done;
  expect(asked[0]).toMatchObject({ sinceNs: 5n, untilNs: 9n });
  expect(events).toHaveLength(1);
});
