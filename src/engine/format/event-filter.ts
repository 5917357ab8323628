import type { EngineEvent } from "../../domain/engine-event.ts";

/**
 * Returns the check that the engine doesn't make of an event. Engines filter listings and events by
 * different keys: both by `label`, listings alone by `name`, `id` and `ancestor`. With this check
 * events cover the same containers as listings.
 *
 * @param filters `key=value`, as for listings: of each key any value has to match
 */
export function eventFilter(filters: readonly string[]): (event: EngineEvent) => boolean {
  const valuesByKey = new Map<string, string[]>();
  for (const filter of filters) {
    const at = filter.indexOf("=");
    const key = filter.slice(0, at);
    valuesByKey.set(key, [...(valuesByKey.get(key) ?? []), filter.slice(at + 1)]);
  }
  const names = valuesByKey.get("name")?.map((value) => new RegExp(value));
  const ids = valuesByKey.get("id");
  const images = valuesByKey.get("ancestor");
  return ({ id, attributes }) => {
    const name = attributes.get("name") ?? "";
    const image = attributes.get("image") ?? "";
    return (
      (names === undefined || names.some((regex) => regex.test(name) || regex.test(`/${name}`))) &&
      (ids === undefined || ids.some((prefix) => id.startsWith(prefix))) &&
      (images === undefined || images.some((wanted) => sameImage(image, wanted)))
    );
  };
}

/** Compares as engines do: a name without a tag means the tag `latest`. */
function sameImage(image: string, wanted: string): boolean {
  return image === wanted || `${image}:latest` === wanted || image === `${wanted}:latest`;
}
