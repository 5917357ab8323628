declare global {
  /** Set by the test project: what the e2e tests in it watch through. */
  var e2eRuntime: "engine" | "cli" | undefined;
}

/** `--docker.runtime` of this test project. */
export const E2E_RUNTIME = globalThis.e2eRuntime ?? "engine";

/** A cluster's name for this test project: others may run on the same engine at the same time. */
export function clusterName(name: string): string {
  return `e2e${name}${E2E_RUNTIME}`;
}
