import { isNamed } from "../../domain/container-name.ts";
import type { Change } from "../../domain/change.ts";
import type { EventKind } from "../../domain/event.ts";

/** Which changes are wanted; a list that is empty lets all through. */
export interface ChangeFilterOptions {
  /** Names or ids of containers, or patterns of names. */
  readonly containers: readonly string[];
  /** Names of units, or patterns of them. */
  readonly units: readonly string[];
  readonly kinds: readonly EventKind[];
}

export interface ChangeFilter {
  readonly matches: (change: Change) => boolean;
  readonly container: (identity: { readonly id: string; readonly name: string }) => boolean;
  readonly unit: (name: string) => boolean;
  /** False where nothing is wanted that systemd in a container would have to be watched for. */
  readonly needsSystemd: boolean;
}

export function changeFilter({ containers, units, kinds }: ChangeFilterOptions): ChangeFilter {
  const names = containers.map(glob);
  const unitNames = units.map(glob);
  const wanted = new Set(kinds);
  const container: ChangeFilter["container"] = (identity) =>
    names.length === 0 ||
    names.some((name) => name.test(identity.name)) ||
    containers.some((each) => isNamed(identity, each));
  const unit = (name: string): boolean =>
    unitNames.length === 0 || unitNames.some((each) => each.test(name));
  return {
    container,
    unit,
    needsSystemd: kinds.length === 0 || kinds.some((kind) => !kind.startsWith("container.")),
    matches: (change) =>
      (wanted.size === 0 || wanted.has(change.kind)) &&
      (names.length === 0 || (change.identity !== undefined && container(change.identity))) &&
      (unitNames.length === 0 || (change.unit !== "" && unit(change.unit))),
  };
}

/** A pattern in which `*` stands for any characters, and `?` for one; it has to match the whole name. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "su");
}
