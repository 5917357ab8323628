import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { promtool } from "../support/promtool.ts";
import { slowMs } from "../support/slowness.ts";

const TESTS = join(import.meta.dirname, "../../deploy/prometheus/tests/unitwatch.test.yml");

// `npm test` runs all tests of rules by promtool 3. Prometheus 2.42 can't receive pushes.
test(
  "the rules for scraped metrics pass their own tests by promtool 2",
  async () => {
    const { output: version } = await promtool(["--version"]);
    expect(version).toMatch(/^promtool, version 2\./);
    const { exitCode, output } = await promtool(["test", "rules", TESTS]);
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(output).toContain("SUCCESS");
  },
  slowMs(180_000),
);
