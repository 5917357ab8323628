/** `unitwatch wait`: a change, an alias, a unit that isn't there. */
import { runCommand, startCommand } from "../../support/command.ts";
import { slowSeconds } from "../../support/slowness.ts";
import { type MatrixNode, onEach, type Outcome, type Session } from "../session.ts";

export function waits(session: Session): Promise<readonly Outcome[]> {
  return onEach(session, (each) => waitsIn(session, each));
}

async function waitsIn({ engine }: Session, { node, plan }: MatrixNode): Promise<string> {
  const { host } = engine.engine;
  const unit = "matrix-later.service";
  await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
  const container = `--container=${node.name}`;
  await using later = startCommand(host, [
    "wait",
    container,
    `--unit=${unit}`,
    `--timeout=${slowSeconds(60)}s`,
    "--log.level=debug",
  ]);
  await later.untilLogged(/isn't loaded|is inactive/);
  await node.startUnit(unit);
  expectExit("a change", await later.exited, 0);
  const name = plan.variant === "dbus-broker" ? "dbus.service" : "default.target";
  const alias = ["wait", container, `--unit=${name}`, `--timeout=${slowSeconds(20)}s`];
  expectExit("an alias", await runCommand(host, alias), 0);
  const none = ["wait", container, "--unit=none.service", "--timeout=2s"];
  expectExit("a missing unit", await runCommand(host, none), 1);
  return "3 of 3";
}

function expectExit(
  what: string,
  exit: Awaited<ReturnType<typeof runCommand>>,
  code: number,
): void {
  if (exit.code === code) return;
  throw new Error(
    `${what}: exit code ${exit.code}, expected ${code}: ${exit.stdout}${exit.stderr}`,
  );
}
