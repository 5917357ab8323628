import { join } from "node:path";
import type { Config } from "jest";
import { ALERTMANAGER, PROMETHEUS } from "./test/interop/programs.ts";
import { PROGRAM_VARIABLE } from "./test/support/program.ts";
import { measureSlowness } from "./test/support/slowness.ts";
import { useTempFolder } from "./test/support/temp-folder.ts";

measureSlowness();
useTempFolder();
// Programs that tests start from the sources take less than half the time.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "node_modules/.cache/compile");
process.env[PROGRAM_VARIABLE] ??= "built";

const common = {
  transform: {},
  extensionsToTreatAsEsm: [".ts"],
  testEnvironment: "node",
} as const;

const engine = {
  globalSetup: "<rootDir>/test/support/engine/global-setup.ts",
  globalTeardown: "<rootDir>/test/support/engine/global-teardown.ts",
  setupFilesAfterEnv: ["<rootDir>/test/support/engine/time-limit.ts"],
} as const;

/** E2E test that runs with each runtime; the others choose one or both, or don't depend on it. */
const BOTH_RUNTIMES = "count/count";
/** More of them, for `npm run test:cli`: what they show is of a layer that both runtimes share. */
const BOTH_RUNTIMES_MORE =
  "@(boot|engine-outage|engine-recovery|ordinary-containers|retention|systemd-lifecycle|transports|unit-names|walk|walk-containers)";

const config: Config = {
  // More workers than processors, because tests with an engine mostly wait for it.
  maxWorkers: 3,
  testSequencer: "<rootDir>/test/support/test-sequencer.ts",
  projects: [
    {
      ...common,
      displayName: "unit",
      setupFilesAfterEnv: ["<rootDir>/test/support/time-limit.ts"],
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: ["e2e", "interop", "release/installed"].map(
        (folder) => `<rootDir>/test/${folder}/`,
      ),
    },
    {
      ...common,
      displayName: "e2e",
      testMatch: ["<rootDir>/test/e2e/**/*.test.ts"],
      ...engine,
    },
    {
      // The count again, with the cli runtime.
      ...common,
      displayName: "e2e-cli",
      testMatch: [`<rootDir>/test/e2e/${BOTH_RUNTIMES}.test.ts`],
      globals: { e2eRuntime: "cli" },
      ...engine,
    },
    {
      // `npm run test:cli`. `npm test` leaves it out.
      ...common,
      displayName: "e2e-cli-more",
      testMatch: [`<rootDir>/test/e2e/${BOTH_RUNTIMES_MORE}.test.ts`],
      globals: { e2eRuntime: "cli" },
      ...engine,
    },
    {
      // `npm run test:release`: what a release has, installed as users do. `npm test` leaves it out.
      ...common,
      displayName: "release",
      testMatch: ["<rootDir>/test/release/installed/**/*.test.ts"],
      ...engine,
    },
    {
      // `npm run test:interop`: the newest of the programs behind unitwatch. `npm test` leaves it out.
      ...common,
      displayName: "interop",
      testMatch: ["<rootDir>/test/interop/**/*.test.ts", "<rootDir>/test/e2e/alerting.test.ts"],
      globals: { monitoring: { prometheus: PROMETHEUS, alertmanager: ALERTMANAGER } },
      ...engine,
    },
  ],
};

export default config;
