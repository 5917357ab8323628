import { expect, test } from "@jest/globals";
import type { EngineEvent } from "../../../src/domain/engine-event.ts";
import type { InspectAnswer } from "../../../src/domain/runtime.ts";
import { NamedContainers } from "../../../src/commands/wait/named-containers.ts";
import { containerDetails, engineEvent, idOf } from "../../support/engine-facts.ts";
import { FakeEngineSource } from "../../support/fake-engine-source.ts";

const { signal } = new AbortController();

/** Finds containers as docker does: by name, id, or a prefix of an id. */
function engineWith(...names: readonly string[]) {
  const source = new FakeEngineSource();
  source.put(...names.map((name) => containerDetails(name)));
  const asked: (readonly string[])[] = [];
  const runtime = {
    inspect: async (wanted: readonly string[]): Promise<InspectAnswer> => {
      asked.push(wanted);
      const documents: unknown[] = [];
      const failures: { id: string; error: Error }[] = [];
      for (const id of wanted) {
        const found = names.filter((name) => name === id || idOf(name).startsWith(id));
        if (found.length > 1 && !names.includes(id)) {
          const error = new Error(`Multiple IDs found with provided prefix: ${id}`);
          failures.push({ id, error });
        } else documents.push(...found.slice(0, 1).map((n) => ({ Id: idOf(n), Name: `/${n}` })));
      }
      return { documents, failures };
    },
  };
  const named = (wanted: readonly string[], isFiltered = false): NamedContainers =>
    new NamedContainers(source, { names: wanted, runtime, isFiltered });
  return { source, asked, named };
}

test("inspects only the named containers", async () => {
  const { source, asked, named } = engineWith("a", "b", "c");
  expect(await named(["a", "c", "none"]).list(signal)).toEqual([idOf("a"), idOf("c")]);
  expect(asked).toEqual([["a", "c", "none"]]);
  expect(source.calls).toEqual([]);
});

test("accepts a prefix of an id when it has twelve digits or more", async () => {
  const { named } = engineWith("a", "b");
  const id = idOf("b");
  expect(await named([id]).list(signal)).toEqual([id]);
  expect(await named([id.slice(0, 12), "b"]).list(signal)).toEqual([id]);
  expect(await named([id.slice(0, 4)]).list(signal)).toEqual([]);
});

test("finds nothing when a name is the prefix of several ids", async () => {
  const { named } = engineWith("a1", "a2", "b");
  expect(await named(["6", "b"]).list(signal)).toEqual([idOf("b")]);
  expect(await named(["6"]).list(signal)).toEqual([]);
});

test("finds nothing when the filters exclude the container", async () => {
  const { source, named } = engineWith("a", "b");
  source.containers.delete(idOf("b"));
  expect(await named(["a", "b"], true).list(signal)).toEqual([idOf("a")]);
});

test("rejects when the engine fails", async () => {
  const { source } = engineWith();
  const runtime = { inspect: () => Promise.reject(new Error("no engine")) };
  const named = new NamedContainers(source, { names: ["a"], runtime, isFiltered: false });
  await expect(named.list(signal)).rejects.toThrow("no engine");
});

test("rejects when the inspection of a named container fails", async () => {
  const { source } = engineWith();
  const failures = [{ id: "a", error: new Error("boom") }];
  const runtime = { inspect: async () => ({ documents: [], failures }) };
  const named = new NamedContainers(source, { names: ["a"], runtime, isFiltered: false });
  await expect(named.list(signal)).rejects.toThrow("boom");
});

test("passes on live and replayed events of named containers only", async () => {
  const { source, named } = engineWith("a", "b");
  const seen: EngineEvent[] = [];
  const sink = { event: (event: EngineEvent) => void seen.push(event), parseError: () => {} };
  const end = new AbortController();
  const containers = named(["a", idOf("c").slice(0, 12)]);
  const events = containers.events(sink, { sinceNs: 0n, signal: end.signal });
  const mine = [
    engineEvent("start", "a"),
    engineEvent("start", "c"),
    engineEvent("rename", "a", { id: idOf("x"), oldName: "/x" }),
    engineEvent("rename", "y", { oldName: "/a" }),
  ];
  source.emit(engineEvent("start", "b"), ...mine, engineEvent("rename", "b", { oldName: "/z" }));
  expect(seen).toEqual(mine);
  await containers.replay(sink, { sinceNs: 0n, untilNs: 10_000n, signal: end.signal });
  expect(seen).toEqual([...mine, ...mine]);
  end.abort();
  await events;
});
