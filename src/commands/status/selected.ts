import { isNamed } from "../../domain/container-name.ts";
import type { ContainerReport, StatusReport } from "../../domain/status.ts";
import { clipped, quoted } from "../../platform/data/escape.ts";

/** A reason to end with exit code 1: one line for people. */
export class StatusError extends Error {}

const MAX_SHOWN = 5;
const MAX_NAME_CHARS = 80;

/**
 * Finds the container with this name, id or beginning of an id, else the one with this node name.
 *
 * @throws StatusError if there is none, or several nodes have the name
 */
export function findContainer({ containers }: StatusReport, name: string): ContainerReport {
  const exact = containers.find((each) => each.name === name);
  if (exact !== undefined) return exact;
  const byId = containers.filter((each) => isNamed(each, name));
  const found = byId.length > 0 ? byId : containers.filter((each) => each.node === name);
  const [first] = found;
  const shown = quoted(clipped(name, MAX_NAME_CHARS));
  if (first === undefined) throw new StatusError(`no such container: ${shown}`);
  if (found.length === 1) return first;
  const names = found.slice(0, MAX_SHOWN).map((each) => each.name);
  throw new StatusError(
    `${shown} is ambiguous: expected one of ${names.join(", ")}${found.length > MAX_SHOWN ? ", …" : ""}`,
  );
}
