/** unitwatch leaves nothing in nodes, neither when it ends nor when it is killed. */
import { eventually } from "../../support/eventually.ts";
import {
  type MatrixNode,
  onEach,
  type Outcome,
  type Session,
  untilWatched,
  watch,
  watchers,
} from "../session.ts";

const LIMIT = { withinMs: 3_000 };

export async function leftovers(session: Session): Promise<readonly Outcome[]> {
  const exit = await session.unitwatch.stop();
  const gone = await onEach(session, async (each) => {
    if (exit.code !== 0) throw new Error(`unitwatch ended with ${exit.code ?? exit.signal}`);
    return expectNone(each);
  });
  const unitwatch = session.stack.use(await watch(session.engine.engine.host));
  const watched = await onEach(session, (each) => untilWatched({ unitwatch }, each));
  unitwatch.signal("SIGKILL");
  await unitwatch.exited;
  const killed = await onEach(session, (each) => expectNone(each));
  return gone.map((outcome, index) => {
    const all = [outcome, watched[index], killed[index]].filter((each) => each !== undefined);
    const wrong = all.flatMap((each) => each.wrong);
    return { pass: wrong.length === 0, figure: wrong.length === 0 ? "none" : "", wrong };
  });
}

async function expectNone(each: MatrixNode): Promise<string> {
  await eventually(async () => {
    const left = await watchers(each);
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
  }, LIMIT);
  return "none";
}
