import type { Config } from "jest";

const common = {
  transform: {},
  extensionsToTreatAsEsm: [".ts"],
  testEnvironment: "node",
} as const;

const engine = {
  globalSetup: "<rootDir>/test/support/engine/global-setup.ts",
  globalTeardown: "<rootDir>/test/support/engine/global-teardown.ts",
} as const;

/** Tests that run with each runtime; the others choose one themselves, or have no use for two. */
const BOTH_RUNTIMES =
  "@(boot|count/count|engine-recovery|ordinary-containers|retention|systemd-lifecycle|transports|unit-names|walk|walk-containers)";

const config: Config = {
  // Tests with an engine mostly wait for it: more of them at a time than there are processors.
  maxWorkers: 3,
  // A limit for what hangs, and no measure of speed: the machine may be busy with the other tests.
  testTimeout: 60_000,
  projects: [
    {
      ...common,
      displayName: "unit",
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: ["<rootDir>/test/e2e/"],
    },
    {
      ...common,
      displayName: "e2e",
      testMatch: ["<rootDir>/test/e2e/**/*.test.ts"],
      ...engine,
    },
    {
      // What is watched, and how, once more through the engine's command.
      ...common,
      displayName: "e2e-cli",
      testMatch: [`<rootDir>/test/e2e/${BOTH_RUNTIMES}.test.ts`],
      globals: { e2eRuntime: "cli" },
      ...engine,
    },
  ],
};

export default config;
