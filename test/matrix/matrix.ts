/*
 * `npm run test:matrix` runs each engine with each version of systemd, and each version with each kind
 * of services around it. `npm run test:matrix -- docker-28.5 podman-4.3` runs only these engines. It
 * prints a table, keeps it in .cache/matrix.json, and exits with 1 if a check fails. Needs Linux and
 * root. UNITWATCH_COUNT_SEED, _SECONDS and _NODES are as for `npm run test:count`.
 */
import { measureSlowness } from "../support/slowness.ts";
import { useTempFolder } from "../support/temp-folder.ts";
import { countOverOutage, countWithFaults } from "./checks/count.ts";
import { oom } from "./checks/oom.ts";
import { leftovers } from "./checks/leftovers.ts";
import { waits } from "./checks/wait.ts";
import { walk } from "./checks/walk.ts";
import type { NodePlan } from "./nodes.ts";
import { PLANS } from "./plans.ts";
import { keepLog, keepRows, type MatrixRow } from "./results.ts";
import {
  openSession,
  type Outcome,
  type Session,
  type SessionPlan,
  untilWatched,
} from "./session.ts";
import { matrixTable } from "./table.ts";

const CHECKS = {
  walk,
  count: countWithFaults,
  recovery: countOverOutage,
  oom,
  wait: waits,
  leftovers,
} as const satisfies Record<string, (session: Session) => Promise<readonly Outcome[]>>;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !PLANS.some((plan) => plan.name === name));
if (unknown.length > 0) {
  console.error(
    `unknown session ${unknown.join(", ")}: expected ${PLANS.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
measureSlowness();
useTempFolder();

const SEED = Number(process.env["UNITWATCH_COUNT_SEED"] ?? 1);
const NODES = process.env["UNITWATCH_COUNT_NODES"]?.split(",");
const SECONDS = Number(process.env["UNITWATCH_COUNT_SECONDS"] ?? 15);

/** Session that runs now; it ends at a signal, with all that it started. */
let current: AsyncDisposable | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    const ended = current?.[Symbol.asyncDispose]() ?? Promise.resolve();
    void ended.then(
      () => process.exit(130),
      () => process.exit(130),
    );
  });
}

const DATE = new Date().toISOString().slice(0, 10);
const rows: MatrixRow[] = [];
for (const { name, engine, nodes } of PLANS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const some = nodes.filter(({ suite }) => NODES === undefined || NODES.includes(suite));
  const ran = await run(name, { engine, nodes: some, seed: SEED, countSeconds: SECONDS });
  rows.push(...ran);
  console.log(matrixTable(ran));
  await keepRows(name, ran);
}
const failed = rows.filter(({ cells }) => Object.values(cells).some(({ pass }) => !pass));
console.log(failed.length === 0 ? "every check passes" : `${failed.length} combinations fail`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Runs a session; what can't start is a failed row with the reason. */
async function run(name: string, plan: SessionPlan): Promise<MatrixRow[]> {
  const begin = performance.now();
  const progress = (text: string): void =>
    console.error(`${name}: ${text} (${((performance.now() - begin) / 1_000).toFixed(0)} s)`);
  const rowOf = (node: NodePlan, facts: Pick<MatrixRow, "version" | "cells" | "transport">) => ({
    engine: name,
    date: DATE,
    note: plan.engine.note,
    suite: node.suite,
    variant: node.variant,
    ...facts,
  });
  const notStarted = (node: NodePlan, version: string, reason: string): MatrixRow => {
    progress(`${node.suite} ${node.variant} didn't start: ${reason}`);
    return rowOf(node, { version, transport: "", cells: { start: failure(reason) } });
  };
  try {
    await using opened = await openSession(plan);
    current = opened;
    const { session, missing } = opened;
    const { version } = session.engine;
    progress(`${version} runs, with ${session.nodes.length} nodes`);
    const cells: Record<string, Outcome>[] = session.nodes.map(() => ({}));
    const transports = await Promise.all(
      session.nodes.map((each) => untilWatched(session, each).catch(() => "none")),
    );
    for (const [check, perform] of Object.entries(CHECKS)) {
      const outcomes = await perform(session).catch((error: unknown) =>
        session.nodes.map(() => failure(String(error))),
      );
      progress(check);
      for (const [index, { plan: node }] of session.nodes.entries()) {
        const outcome = outcomes[index] ?? failure("no outcome");
        cells[index]![check] = outcome;
        for (const line of outcome.wrong) {
          console.error(`  ${node.suite} ${node.variant}: ${check}: ${line}`);
        }
      }
    }
    if (cells.some((each) => Object.values(each).some(({ pass }) => !pass))) {
      progress(`log of unitwatch: ${await keepLog(name, session.unitwatch.log)}`);
    }
    const rows = session.nodes.map(({ plan: node }, index) =>
      rowOf(node, { version, transport: transports[index] ?? "", cells: cells[index] ?? {} }),
    );
    return [...rows, ...missing.map(({ plan: node, reason }) => notStarted(node, version, reason))];
  } catch (error) {
    return plan.nodes.map((node) => notStarted(node, "", String(error)));
  }
}

function failure(reason: string): Outcome {
  return { pass: false, figure: "", wrong: [reason] };
}
