/** The alerts that the shipped rules raise for the OOM kills of a scrape. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Sample, Scrape } from "../../support/exposition.ts";
import { promtoolOf } from "../../support/promtool.ts";

const RULES = join(import.meta.dirname, "../../../deploy/prometheus/rules/unitwatch.yml");
const METRICS = ["container_oom_events_total", "systemd_unit_failures_total"] as const;
const TARGET = { job: "unitwatch", instance: "host:10558" };
/** Alerts that fire, one series each. */
const FIRING =
  'count by (alertname, container, name) (ALERTS{alertstate="firing", alertname=~".*OutOfMemory"})';

/** An alert, of a container or of a unit in it. */
export interface OomAlert {
  readonly container: string;
  readonly unit?: string;
}

/**
 * Has promtool evaluate the shipped rules over the OOM kills of these containers, as if all had just
 * happened. @throws with promtool's output if other alerts fire than these
 */
export async function expectOomAlerts(
  scrape: Scrape,
  containers: readonly string[],
  expected: readonly OomAlert[],
): Promise<void> {
  const samples = METRICS.flatMap((name) => scrape.select(name)).filter(({ labels }) =>
    containers.includes(labels["container"] ?? ""),
  );
  const tests = {
    rule_files: [RULES],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: [
          { series: seriesOf({ name: "up", labels: {} }), values: "1x20" },
          {
            series: seriesOf({ name: "process_start_time_seconds", labels: {} }),
            values: "-90000x20",
          },
          ...samples.map((sample) => ({
            series: seriesOf(sample),
            values: `_x14 ${sample.value}x5`,
          })),
        ],
        promql_expr_test: [
          {
            expr: FIRING,
            eval_time: "19m",
            exp_samples: expected.map(({ container, unit }) => ({
              labels: labelsOf(
                unit === undefined
                  ? { alertname: "ContainerOutOfMemory", container }
                  : { alertname: "SystemdUnitOutOfMemory", container, name: unit },
              ),
              value: 1,
            })),
          },
        ],
      },
    ],
  };
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  try {
    const file = join(dir, "oom.yml");
    await writeFile(file, stringify(tests));
    const { exitCode, output } = await promtoolOf(2, ["test", "rules", file]);
    if (exitCode !== 0) throw new Error(`alerts: ${output}`);
  } finally {
    await rm(dir, { recursive: true });
  }
}

function seriesOf({ name, labels }: Pick<Sample, "name" | "labels">): string {
  return `${name}${labelsOf({ ...labels, ...TARGET })}`;
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${pairs.join(", ")}}`;
}
