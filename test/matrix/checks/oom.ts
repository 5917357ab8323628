/** OOM kills on cgroup v2: of a service by its OOMPolicy, and of a container. */
import { oomContainer } from "../../support/engine/container.ts";
import { eventually } from "../../support/eventually.ts";
import { slowSeconds } from "../../support/slowness.ts";
import { shownFailures } from "../../support/truth.ts";
import { SYSTEMD } from "../nodes.ts";
import { writeUnits } from "../units.ts";
import { expectOomAlerts } from "./oom-alerts.ts";
import { type MatrixNode, onEach, type Outcome, type Session } from "../session.ts";

/** Fills memory past its limit. */
const FILL = "tail /dev/zero";
const LIMITS = "MemoryMax=24M\nMemorySwapMax=0\n";

interface OomCase {
  readonly unit: string;
  readonly text: string;
  /** Result of the service. */
  readonly result: string;
}

/** With the policy `continue` a main process that is killed is a signal like any other. */
const CASES: readonly OomCase[] = [
  { unit: "oom-stop.service", policy: "stop", result: "oom-kill" },
  { unit: "oom-kill.service", policy: "kill", result: "oom-kill" },
  { unit: "oom-continue.service", policy: "continue", result: "signal" },
].map(({ unit, policy, result }) => ({
  unit,
  text: `[Service]\nExecStart=${FILL}\nOOMPolicy=${policy}\n${LIMITS}`,
  result,
}));

/** Returns one outcome a node; it is empty where an engine has no controllers of cgroup v2. */
export async function oom(session: Session): Promise<readonly Outcome[]> {
  const { engine } = session;
  if (!engine.hasControllers) return onEach(session, async () => "");
  const ofContainer = await onEach(session, (each) => containerOom(session, each));
  const ofServices = await onEach(session, (each) => serviceOom(session, each));
  const ofAlerts = await onEach(session, (each) => alertsOf(session, each));
  return ofServices.map((outcome, index) => {
    const others = [ofContainer[index], ofAlerts[index]].filter((each) => each !== undefined);
    const wrong = [outcome, ...others].flatMap((each) => each.wrong);
    return { pass: wrong.length === 0, figure: outcome.figure, wrong };
  });
}

/** Starts the units, waits until all have failed, and prints systemd's own properties. */
const RUN = `
systemctl start --no-block "$@"
until [ -z "$(systemctl show --property=ActiveState --value "$@" | grep -v -e failed -e '^$')" ]
do sleep 0.5
done
systemctl show --property=Id,Result,OOMKills "$@"`;

async function serviceOom({ unitwatch }: Session, { node, plan }: MatrixNode): Promise<string> {
  const names = CASES.map(({ unit }) => unit);
  await writeUnits(node, Object.fromEntries(CASES.map(({ unit, text }) => [unit, text])));
  const seconds = slowSeconds(30);
  const shown = await node.exec(["timeout", seconds, "sh", "-c", RUN, "sh", ...names]);
  // The truth is systemd's own properties; OOMKills is new in 262.
  const kills = new Map<string, number>();
  for (const block of shown.split("\n\n")) {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1];
    const unit = value("Id") ?? "";
    const expected = CASES.find((each) => each.unit === unit)?.result;
    const result = value("Result");
    if (result !== expected) throw new Error(`${unit}: Result is ${result}, expected ${expected}`);
    const byProperty = SYSTEMD[plan.suite] >= 262 ? Number(value("OOMKills")) : undefined;
    kills.set(unit, byProperty ?? (result === "oom-kill" ? 1 : 0));
  }
  await unitwatch.until((scrape) => {
    const failures = shownFailures(scrape, node.name);
    for (const { unit, result } of CASES) {
      const shown = JSON.stringify(failures[unit] ?? {});
      if (shown !== JSON.stringify({ [result]: 1 })) throw new Error(`${unit}: shown ${shown}`);
      const own = { container: node.name, name: unit };
      const counted = scrape.value("systemd_unit_oom_kills_total", own) ?? 0;
      const expected = kills.get(unit);
      if (counted !== expected) {
        throw new Error(`${unit}: ${counted} OOM kills, expected ${expected}`);
      }
    }
  });
  const total = [...kills.values()].reduce((sum, count) => sum + count, 0);
  return `${CASES.length} services, ${total} OOM kills`;
}

/** The kills in units are their alerts alone, though the engine has them as the container's too. */
async function alertsOf({ unitwatch }: Session, { node }: MatrixNode): Promise<string> {
  const container = oomName(node.name);
  const units = CASES.filter(({ result }) => result === "oom-kill").map(({ unit }) => unit);
  await expectOomAlerts(
    await unitwatch.scrape(),
    [node.name, container],
    [{ container }, ...units.map((unit) => ({ container: node.name, unit }))],
  );
  return "alerts";
}

const oomName = (node: string): string => `${node}-oom`;

async function containerOom(session: Session, { node }: MatrixNode): Promise<string> {
  const { cluster, engine, unitwatch } = session;
  await using container = await oomContainer(engine.engine, {
    name: oomName(node.name),
    labels: { "sind.cluster": cluster },
  });
  await eventually(async () => (await container.inspect()).State.Status === "exited");
  await unitwatch.until((scrape) => {
    const { name } = container;
    const exits = scrape.by("exit_code", "container_exits_total", { container: name });
    const ooms = scrape.value("container_oom_events_total", { container: name });
    if (exits["137"] !== 1) throw new Error(`${name}: exits ${JSON.stringify(exits)}`);
    if (ooms !== 1) throw new Error(`${name}: ${ooms} OOM kills`);
  });
  return "1 container";
}
