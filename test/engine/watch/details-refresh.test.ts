import { expect, test } from "@jest/globals";
import type { Inspection } from "../../../src/domain/engine-source.ts";
import { DetailsRefresh } from "../../../src/engine/watch/details-refresh.ts";
import { containerDetails, identityOf } from "../../support/engine-facts.ts";
import { turns } from "../../support/turns.ts";

interface Question {
  readonly ids: readonly string[];
  /** Answers with all requested containers, or these. */
  answer(ids?: readonly string[]): Promise<void>;
  fail(error: Error): Promise<void>;
}

interface Recorded {
  readonly refresh: DetailsRefresh;
  readonly questions: Question[];
  /** `id` or `id stale`, in the order of folding. */
  readonly folded: string[];
  readonly failures: unknown[];
  /** Containers whose inspection fails. */
  readonly broken: Set<string>;
  again: boolean;
}

function recorded(): Recorded {
  const questions: Question[] = [];
  const folded: string[] = [];
  const failures: unknown[] = [];
  const broken = new Set<string>();
  const refresh = new DetailsRefresh({
    inspect(ids) {
      const { promise, resolve, reject } = Promise.withResolvers<Inspection>();
      questions.push({
        ids,
        answer(known = ids) {
          const all = known.map((id) => containerDetails(id, { identity: identityOf(id, { id }) }));
          resolve({
            details: all.filter(({ identity }) => !broken.has(identity.id)),
            failures: all
              .filter(({ identity }) => broken.has(identity.id))
              .map((summary) => ({ id: summary.identity.id, error: new Error("boom"), summary })),
          });
          return turns(1);
        },
        fail(error) {
          reject(error);
          return turns(1);
        },
      });
      return promise;
    },
    fold: ({ identity }, fresh) => void folded.push(fresh ? identity.id : `${identity.id} stale`),
    unreadable: ({ id }, fresh) => void folded.push(fresh ? `${id} broken` : `${id} broken stale`),
    failed(error) {
      failures.push(error);
      return Promise.resolve(result.again);
    },
  });
  const result: Recorded = { refresh, questions, folded, failures, broken, again: true };
  return result;
}

/** Returns one whose first request, of no container, has succeeded. */
async function begun(): Promise<Recorded> {
  const result = recorded();
  const done = result.refresh.begin([]);
  await result.questions.shift()?.answer();
  await done;
  return result;
}

test("inspects all listed containers and earlier requests in the first request", async () => {
  const { refresh, questions, folded } = recorded();
  refresh.request("b");
  refresh.request("c");
  await turns();
  expect(questions).toHaveLength(0);
  const done = refresh.begin(["a", "b"]);
  expect(questions.map(({ ids }) => [...ids].sort())).toEqual([["a", "b", "c"]]);
  await questions[0]?.answer();
  await done;
  expect(folded.sort()).toEqual(["a", "b", "c"]);
  expect(questions).toHaveLength(1);
});

test("inspects containers with events during the first request after it", async () => {
  const { refresh, questions, folded } = recorded();
  const done = refresh.begin(["a", "b"]);
  refresh.request("b");
  refresh.request("c");
  await turns();
  expect(questions).toHaveLength(1);
  await questions[0]?.answer();
  await done;
  expect(folded).toEqual(["a", "b stale"]);
  await turns();
  expect(questions[1]?.ids).toEqual(["b", "c"]);
  await questions[1]?.answer();
  expect(folded).toEqual(["a", "b stale", "b", "c"]);
});

test("rejects when the first request fails", async () => {
  const { refresh, questions, failures, folded } = recorded();
  const done = refresh.begin(["a"]);
  void questions[0]?.fail(new Error("engine gone"));
  await expect(done).rejects.toThrow("engine gone");
  refresh.request("b");
  await turns();
  expect([questions.length, failures, folded]).toEqual([1, [], []]);
});

test("sends one request for a burst, with each container once", async () => {
  const { refresh, questions } = await begun();
  for (const id of ["a", "b", "a", "c", "b"]) refresh.request(id);
  await turns();
  expect(questions.map(({ ids }) => ids)).toEqual([["a", "b", "c"]]);
});

test("keeps one request open and collects others for the next one", async () => {
  const { refresh, questions, folded } = await begun();
  refresh.request("a");
  await turns();
  for (const id of ["b", "c", "b"]) refresh.request(id);
  await turns();
  expect(questions).toHaveLength(1);
  await questions[0]?.answer();
  expect(questions.map(({ ids }) => ids)).toEqual([["a"], ["b", "c"]]);
  await questions[1]?.answer();
  await refresh.idle();
  expect(folded).toEqual(["a", "b", "c"]);
  expect(questions).toHaveLength(2);
});

test("repeats a request when its answer is older than an event", async () => {
  const { refresh, questions, folded } = await begun();
  refresh.request("a");
  refresh.request("b");
  await turns();
  refresh.request("a");
  await questions[0]?.answer();
  expect(folded).toEqual(["a stale", "b"]);
  expect(questions[1]?.ids).toEqual(["a"]);
  await questions[1]?.answer();
  expect(folded).toEqual(["a stale", "b", "a"]);
});

test("repeats only an open request when the event needs no inspection", async () => {
  const { refresh, questions, folded } = await begun();
  refresh.happened("a");
  await turns();
  expect(questions).toHaveLength(0);
  refresh.request("a");
  await turns();
  refresh.happened("a");
  refresh.happened("b");
  await questions[0]?.answer();
  expect(folded).toEqual(["a stale"]);
  expect(questions[1]?.ids).toEqual(["a"]);
  await questions[1]?.answer();
  await refresh.idle();
  refresh.happened("a");
  await turns();
  expect(questions).toHaveLength(2);
});

test("ignores a destroyed container in answers and later requests", async () => {
  const { refresh, questions, folded } = await begun();
  refresh.request("a");
  refresh.request("b");
  refresh.gone("b");
  await turns();
  expect(questions[0]?.ids).toEqual(["a"]);
  refresh.gone("a");
  refresh.happened("a");
  await questions[0]?.answer(["a", "b"].slice(0, 1));
  await refresh.idle();
  expect(folded).toEqual([]);
  expect(questions).toHaveLength(1);
});

test("ignores a container that is destroyed during the first request", async () => {
  const { refresh, questions, folded } = recorded();
  const done = refresh.begin(["a", "b"]);
  refresh.gone("a");
  await questions[0]?.answer();
  await done;
  expect(folded).toEqual(["b"]);
});

test("leaves out containers that the engine no longer has", async () => {
  const { refresh, questions, folded } = await begun();
  refresh.request("a");
  refresh.request("b");
  await turns();
  await questions[0]?.answer(["b"]);
  await refresh.idle();
  expect(folded).toEqual(["b"]);
});

test("repeats a failed request without destroyed containers", async () => {
  const { refresh, questions, failures, folded } = await begun();
  for (const id of ["a", "b", "c"]) refresh.request(id);
  await turns();
  refresh.gone("b");
  refresh.request("d");
  const error = new Error("engine busy");
  await questions[0]?.fail(error);
  expect(failures).toEqual([error]);
  expect([...(questions[1]?.ids ?? [])].sort()).toEqual(["a", "c", "d"]);
  await questions[1]?.answer();
  expect(folded.sort()).toEqual(["a", "c", "d"]);
});

test("stops when a failed request is not to be repeated", async () => {
  const result = await begun();
  const { refresh, questions, failures } = result;
  result.again = false;
  refresh.request("a");
  await turns();
  await questions[0]?.fail(new Error("over"));
  await refresh.idle();
  expect(failures).toHaveLength(1);
  expect(questions).toHaveLength(1);
});

test("resolves idle when no request is open", async () => {
  const { refresh, questions } = await begun();
  await refresh.idle();
  refresh.request("a");
  let idle = false;
  const done = (async () => {
    await refresh.idle();
    idle = true;
  })();
  await turns();
  refresh.request("b");
  await questions[0]?.answer();
  expect(idle).toBe(false);
  await questions[1]?.answer();
  await done;
  expect(idle).toBe(true);
});

test("hands over a container whose inspection fails, and folds in the others", async () => {
  const { refresh, questions, folded, failures, broken } = await begun();
  broken.add("b").add("c");
  for (const id of ["a", "b", "c", "d"]) refresh.request(id);
  await turns();
  refresh.request("c");
  refresh.gone("d");
  await questions[0]?.answer();
  await refresh.idle();
  expect(folded).toEqual(["a", "b broken", "c broken stale"]);
  expect([questions.length, failures]).toEqual([1, []]);
});
