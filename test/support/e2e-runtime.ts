declare global {
  /** Runtime of the e2e tests, set by the test project. */
  var e2eRuntime: "engine" | "cli" | undefined;
}

/** Value of `--docker.runtime` in this test project. */
export const E2E_RUNTIME = globalThis.e2eRuntime ?? "engine";

/** Returns a cluster's name that differs between test projects, which share the engine. */
export function clusterName(name: string): string {
  return `e2e${name}${E2E_RUNTIME}`;
}
