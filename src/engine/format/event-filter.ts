import type { EngineEvent } from "../../domain/engine-event.ts";

/**
 * Engines filter listings and events by different keys: `label` by both, `name`, `id` and
 * `ancestor` by listings alone. So that events tell of no other containers than listings do, this
 * makes the check that the engine doesn't make of an event.
 *
 * @param filters as listings take them, `key=value`; of one key any has to match, of the keys all
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

/** As engines do: a name without a tag stands for the tag `latest`. */
function sameImage(image: string, wanted: string): boolean {
  return image === wanted || `${image}:latest` === wanted || image === `${wanted}:latest`;
}
