import { objectOf } from "../../platform/data/json.ts";

/** Arguments of ps for {@link cgroupsOf}. */
export const CGROUP_COLUMNS = "-ww -eo pid,cgroup";

const MAX_PROCESSES = 100_000;

/**
 * Returns the cgroup of each process from the engine's answer to `top`: `0::/system.slice/…`, with
 * cgroup v1 a line of all hierarchies with commas between.
 *
 * @throws if it isn't such an answer
 */
export function cgroupsOf(document: unknown): readonly string[] {
  const { Titles: titles, Processes: rows } = objectOf(document);
  const column = Array.isArray(titles) ? titles.indexOf("CGROUP") : -1;
  if (column < 0 || !Array.isArray(rows) || rows.length > MAX_PROCESSES) {
    throw new Error("the engine doesn't list the cgroups of processes");
  }
  return rows.flatMap((row: unknown) => {
    const cell: unknown = Array.isArray(row) ? row[column] : undefined;
    return typeof cell === "string" ? [cell] : [];
  });
}
