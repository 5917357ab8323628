import type { Scrape } from "../support/exposition.ts";
import { CRASHES } from "./actions.ts";
import type { DemoContainers } from "./containers.ts";

/** Series that the rounds change, with its value after them. */
interface ExpectedSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** True if more is right too. */
  readonly orMore?: boolean;
}

function expectedSeries(
  { controller, worker, web }: DemoContainers,
  rounds: number,
): readonly ExpectedSeries[] {
  const slurmd = { container: worker.name, name: "slurmd.service" };
  const slurmctld = { container: controller.name, name: "slurmctld.service" };
  const failures = "systemd_unit_failures_total";
  return [
    { name: failures, labels: { ...slurmd, result: "signal" }, value: rounds },
    { name: "systemd_unit_state", labels: { ...slurmd, state: "active" }, value: 1 },
    { name: failures, labels: { ...slurmctld, result: "exit-code" }, value: rounds * CRASHES },
    { name: "systemd_service_restart_total", labels: slurmctld, value: rounds * CRASHES },
    {
      name: "container_oom_events_total",
      labels: { container: web.name },
      value: rounds,
      // The engine can report one kill twice (cgroup v1).
      orMore: true,
    },
    {
      name: "container_exits_total",
      labels: { container: web.name, exit_code: "137" },
      value: rounds,
    },
    { name: "container_restarts_total", labels: { container: web.name }, value: rounds },
  ];
}

/** Outcome of the check. */
export interface MetricsCheck {
  /** Lines of the scrape that show the expected series. */
  readonly lines: readonly string[];
  /** Series with another value than expected. */
  readonly missing: readonly string[];
}

/** Compares a scrape with the values expected after `rounds` rounds. */
export function checkMetrics(
  scrape: Scrape,
  containers: DemoContainers,
  rounds: number,
): MetricsCheck {
  const lines: string[] = [];
  const missing: string[] = [];
  for (const { name, labels, value, orMore = false } of expectedSeries(containers, rounds)) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    const found = scrape.text
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && pairs.every((pair) => line.includes(pair)));
    lines.push(...found);
    const got = scrape.value(name, labels);
    if (got === value || (orMore && (got ?? 0) > value)) continue;
    missing.push(`${name}{${pairs.join(",")}}: ${got}, expected ${value}`);
  }
  return { lines, missing };
}
