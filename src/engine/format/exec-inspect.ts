import { objectOf } from "../../platform/data/json.ts";

/** Execs of a container that are looked at; one with more can't be rated. */
const MAX_EXECS = 1_000;

/**
 * Returns the ids of a container's execs from the member ExecIDs of its inspect document.
 *
 * @throws if they are missing, or too many
 */
export function execIds(ids: unknown): readonly string[] {
  // Docker has null for none.
  if (ids === null) return [];
  if (!Array.isArray(ids) || ids.length > MAX_EXECS || !ids.every(isText)) {
    throw new Error("the engine doesn't list the execs of the container");
  }
  return ids;
}

/**
 * Returns the command of an exec from its inspect document.
 *
 * @throws if it is missing
 */
export function execCommand(document: unknown): readonly string[] {
  const { entrypoint, arguments: args } = objectOf(objectOf(document)["ProcessConfig"]);
  if (!isText(entrypoint) || !(args === null || args === undefined || isTexts(args))) {
    throw new Error("the engine doesn't report the command of an exec");
  }
  return [entrypoint, ...(args ?? [])];
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}
