import { statSync } from "node:fs";

/** The part of a test file that Jest passes. */
interface TestFile {
  readonly path: string;
  readonly context: { readonly config: { readonly displayName?: { readonly name: string } } };
}

/**
 * Order of test files: those with an engine first, since they mostly wait and the longest takes minutes,
 * then the others, which keep all processors busy to the end. The larger file comes first. Unlike
 * Jest's own order it is the same without the times of an earlier run, as in CI.
 */
export default class TestSequencer {
  sort<T extends TestFile>(tests: readonly T[]): T[] {
    const rows = tests.map((test) => ({
      test,
      isEndToEnd: test.context.config.displayName?.name !== "unit",
      bytes: statSync(test.path).size,
    }));
    rows.sort(
      (one, other) => Number(other.isEndToEnd) - Number(one.isEndToEnd) || other.bytes - one.bytes,
    );
    return rows.map(({ test }) => test);
  }

  allFailedTests<T extends TestFile>(tests: readonly T[]): readonly T[] {
    return tests;
  }

  cacheResults(): void {}
}
