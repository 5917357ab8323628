import { expect, test } from "@jest/globals";
import { sharedRuns } from "../../../src/http/handlers/shared-runs.ts";
import { turns } from "../../support/turns.ts";

interface Run {
  readonly key: string;
  readonly finish: PromiseWithResolvers<string>;
}

function observed(): { readonly runs: Run[]; readonly call: (key: string) => Promise<string> } {
  const runs: Run[] = [];
  const call = sharedRuns((key: string) => {
    const finish = Promise.withResolvers<string>();
    runs.push({ key, finish });
    return finish.promise;
  });
  return { runs, call };
}

test("shares a run between concurrent calls", async () => {
  const { runs, call } = observed();
  const calls = [call("a"), call("a"), call("a")];
  await turns();
  expect(runs).toHaveLength(1);
  runs[0]?.finish.resolve("1");
  expect(await Promise.all(calls)).toEqual(["1", "1", "1"]);
});

test("starts another run for calls that come when one has begun", async () => {
  const { runs, call } = observed();
  const first = call("a");
  await turns();
  const later = [call("a"), call("a")];
  await turns();
  expect(runs).toHaveLength(1);
  runs[0]?.finish.resolve("old");
  expect(await first).toBe("old");
  await turns();
  expect(runs).toHaveLength(2);
  runs[1]?.finish.resolve("new");
  expect(await Promise.all(later)).toEqual(["new", "new"]);
});

test("makes one run at a time, whatever the key", async () => {
  const { runs, call } = observed();
  const calls = [call("a"), call("b")];
  await turns();
  expect(runs.map(({ key }) => key)).toEqual(["a"]);
  runs[0]?.finish.resolve("1");
  await turns();
  expect(runs.map(({ key }) => key)).toEqual(["a", "b"]);
  runs[1]?.finish.resolve("2");
  expect(await Promise.all(calls)).toEqual(["1", "2"]);
});

test("rejects the calls of a run that fails, and no later call", async () => {
  const { runs, call } = observed();
  const failing = Promise.allSettled([call("a"), call("a")]);
  await turns();
  runs[0]?.finish.reject(new Error("no"));
  expect((await failing).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const next = call("a");
  await turns();
  runs[1]?.finish.resolve("yes");
  expect(await next).toBe("yes");
});
