import type { ContainerIdentity } from "../../domain/container.ts";
import { isNamed } from "../../domain/container-name.ts";
import type { Change } from "../../domain/change.ts";
import type { EventKind } from "../../domain/event.ts";

/** Changes to print. An empty list matches all. */
export interface ChangeFilterOptions {
  /** Names, ids, or patterns of names of containers. */
  readonly containers: readonly string[];
  /** Names of units, or patterns of names. */
  readonly units: readonly string[];
  readonly kinds: readonly EventKind[];
  /** Returns other names of the change's unit. Default: none. */
  readonly aliasesOf?: (change: Change) => readonly string[];
}

export interface ChangeFilter {
  readonly matches: (change: Change) => boolean;
  readonly container: (identity: Pick<ContainerIdentity, "id" | "name" | "isHost">) => boolean;
  readonly unit: (name: string) => boolean;
  /** Names of units, patterns left out: each can be an alias. */
  readonly unitNames: readonly string[];
  /** False if no change of a unit or systemd can match. */
  readonly needsSystemd: boolean;
}

/** Compiles the filter. */
export function changeFilter({
  containers,
  units,
  kinds,
  aliasesOf = () => [],
}: ChangeFilterOptions): ChangeFilter {
  const names = containers.map(glob);
  const unitNames = units.map(glob);
  const wanted = new Set(kinds);
  const container: ChangeFilter["container"] = (identity) =>
    names.length === 0 ||
    (identity.isHost !== true &&
      (names.some((name) => name.test(identity.name)) ||
        containers.some((each) => isNamed(identity, each))));
  const unit = (name: string): boolean =>
    unitNames.length === 0 || unitNames.some((each) => each.test(name));
  return {
    container,
    unit,
    unitNames: units.filter((each) => !/[*?]/.test(each)),
    needsSystemd: kinds.length === 0 || kinds.some((kind) => !kind.startsWith("container.")),
    matches: (change) =>
      (wanted.size === 0 || wanted.has(change.kind)) &&
      (names.length === 0 || (change.identity !== undefined && container(change.identity))) &&
      (unitNames.length === 0 ||
        (change.unit !== "" &&
          (unit(change.unit) || aliasesOf(change).some((name) => unit(name))))),
  };
}

/** Compiles a pattern for whole names in which `*` matches any characters and `?` one. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "su");
}
