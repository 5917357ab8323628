import { expect, test } from "@jest/globals";
import { someAtOnce } from "../../../src/platform/data/some-at-once.ts";
import { turns } from "../../support/turns.ts";

/** Work that a test ends by hand, with the items that were started. */
function byHand() {
  const begun: string[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const work = (item: string): Promise<void> => {
    begun.push(item);
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  };
  return { begun, ends, work };
}

test("runs at most the limit at a time, each item once", async () => {
  const { begun, ends, work } = byHand();
  const done = someAtOnce(["a", "b", "c", "d"], 2, work);
  await turns();
  expect(begun).toEqual(["a", "b"]);
  ends[1]?.resolve();
  await turns();
  expect(begun).toEqual(["a", "b", "c"]);
  ends[0]?.resolve();
  await turns();
  ends[2]?.resolve();
  ends[3]?.resolve();
  await done;
  expect(begun).toEqual(["a", "b", "c", "d"]);
});

test("starts nothing after a failure, and ignores a second one", async () => {
  const { begun, ends, work } = byHand();
  const done = someAtOnce(["a", "b", "c", "d", "e"], 3, work);
  await turns();
  ends[0]?.reject(new Error("first"));
  await expect(done).rejects.toThrow("first");
  ends[1]?.resolve();
  ends[2]?.reject(new Error("second"));
  await turns();
  expect(begun).toEqual(["a", "b", "c"]);
});

test("does nothing when there are no items", async () => {
  const { begun, work } = byHand();
  await someAtOnce([], 2, work);
  expect(begun).toEqual([]);
});
