import type { ContainerIdentity, ContainerSummary } from "../../domain/container.ts";
import { isContainerId } from "../../domain/container-name.ts";
import { statusOf } from "./docker-inspect.ts";
import type { IdentityFacts } from "./identity.ts";
import { type JsonObject, objectOf, textOf } from "../../platform/data/json.ts";

/** Length of the id that stands in for a missing name. */
const SHORT_ID_CHARS = 12;

/**
 * Reads one container of the engine's list, from the API or the command; undefined if it has no id.
 * An unknown status is read as `created`.
 *
 * ```json
 * {"Id":"…","Names":["/web"],"Image":"debian","State":"running","Labels":{"a":"b"}}
 * {"Id":"…","Names":"web","Image":"debian","State":"running","Labels":"a=b,c=d"}
 * ```
 */
export function parseSummary(
  document: unknown,
  identify: (facts: IdentityFacts) => ContainerIdentity,
): ContainerSummary | undefined {
  const { Id, Names, Image, State, Labels } = objectOf(document);
  if (!isContainerId(Id)) return undefined;
  const labels = labelsIn(Labels);
  const label = (key: string): string | undefined =>
    Object.hasOwn(labels, key) && typeof labels[key] === "string" ? labels[key] : undefined;
  const name = nameIn(Names) ?? Id.slice(0, SHORT_ID_CHARS);
  return {
    identity: identify({ id: Id, name, image: textOf(Image), label }),
    status: statusOf(textOf(State).toLowerCase()) ?? "created",
  };
}

/** Returns the container's own name; links add others, such as `/other/alias`. */
function nameIn(names: unknown): string | undefined {
  const all: unknown[] = Array.isArray(names) ? names : textOf(names).split(",");
  return all
    .map((name) => textOf(name).replace(/^\//, ""))
    .find((name) => name !== "" && !name.includes("/"));
}

function labelsIn(labels: unknown): JsonObject {
  if (typeof labels !== "string") return objectOf(labels);
  const pairs = labels.split(",").map((pair): [string, string] => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
