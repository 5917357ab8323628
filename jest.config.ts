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

const config: Config = {
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
  ],
};

export default config;
