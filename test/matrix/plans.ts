/**
 * Sessions of the matrix: each engine with each version of systemd, and each version with each kind
 * of services around it, at the newest docker. An outage, a pause or a crash is the same in all other
 * pairs, which would take hours.
 */
import { ENGINES, type EnginePlan } from "./engines.ts";
import { VM_ENGINES } from "./vm-engines.ts";
import { type MatrixVariant, type NodePlan, SUITES } from "./nodes.ts";

export interface MatrixPlan {
  readonly name: string;
  readonly engine: EnginePlan;
  readonly nodes: readonly NodePlan[];
}

/** Engine of the sessions with other services. */
const NEWEST = "docker-28.5";
const VARIANTS: readonly MatrixVariant[] = ["dbus-broker", "no-dbus", "no-logind", "no-journald"];

const nodes = (variant: MatrixVariant): readonly NodePlan[] =>
  SUITES.map((suite) => ({ suite, variant }));

const variants = (engine: EnginePlan): readonly MatrixPlan[] =>
  VARIANTS.map((variant) => ({ name: variant, engine, nodes: nodes(variant) }));

/** The virtual machine is slow: it has one node of each of the newest two versions. */
const VM_NODES: readonly NodePlan[] = [
  { suite: "trixie", variant: "full" },
  { suite: "sid", variant: "full" },
];

export const PLANS: readonly MatrixPlan[] = [
  ...ENGINES.flatMap((engine) =>
    [{ name: engine.name, engine, nodes: nodes("full") }].concat(
      engine.name === NEWEST ? variants(engine) : [],
    ),
  ),
  ...VM_ENGINES.map((engine) => ({ name: engine.name, engine, nodes: VM_NODES })),
];
