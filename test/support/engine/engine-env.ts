/** Variables that pass the engine of this run from the global setup to the test files. */
export const EngineEnv = {
  Host: "UNITWATCH_TEST_DOCKER_HOST",
  RunId: "UNITWATCH_TEST_RUN_ID",
  /** `1` if the tests started the engine. */
  Private: "UNITWATCH_TEST_PRIVATE_ENGINE",
  /** Set to the reason if there is no engine. */
  Skip: "UNITWATCH_TEST_SKIP",
} as const;
