import type { Scrape } from "../support/exposition.ts";
import { CRASHES } from "./acts.ts";
import type { Stage } from "./stage.ts";

/** A series that the rounds move, and the value that it has to have after them. */
interface Told {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function storyOf({ controller, worker, web }: Stage, rounds: number): readonly Told[] {
  const slurmd = { container: worker.name, name: "slurmd.service" };
  const slurmctld = { container: controller.name, name: "slurmctld.service" };
  const failures = "systemd_unit_failures_total";
  return [
    { name: failures, labels: { ...slurmd, result: "signal" }, value: rounds },
    { name: "systemd_unit_state", labels: { ...slurmd, state: "active" }, value: 1 },
    { name: failures, labels: { ...slurmctld, result: "exit-code" }, value: rounds * CRASHES },
    { name: "systemd_service_restart_total", labels: slurmctld, value: rounds * CRASHES },
    { name: "container_oom_events_total", labels: { container: web.name }, value: rounds },
    {
      name: "container_exits_total",
      labels: { container: web.name, exit_code: "137" },
      value: rounds,
    },
    { name: "container_restarts_total", labels: { container: web.name }, value: rounds },
  ];
}

/** What `/metrics` says about the rounds. */
export interface Story {
  /** As they came. */
  readonly lines: readonly string[];
  /** What should be there and isn't. */
  readonly missing: readonly string[];
}

/** Picks the lines that tell of the rounds from a scrape. */
export function tellStory(scrape: Scrape, stage: Stage, rounds: number): Story {
  const lines: string[] = [];
  const missing: string[] = [];
  for (const { name, labels, value } of storyOf(stage, rounds)) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    const found = scrape.text
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && pairs.every((pair) => line.includes(pair)));
    lines.push(...found);
    const got = scrape.value(name, labels);
    if (got !== value) missing.push(`${name}{${pairs.join(",")}}: ${got} instead of ${value}`);
  }
  return { lines, missing };
}
