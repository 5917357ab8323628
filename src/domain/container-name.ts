/** The beginning of an id that the docker command shows: a shorter one is taken for a name. */
const SHORT_ID = /^[0-9a-f]{12,64}$/;

/** True where `wanted` is the container's name, its id, or at least the short form of that. */
export function isNamed(
  container: { readonly id: string; readonly name: string },
  wanted: string,
): boolean {
  return container.name === wanted || (SHORT_ID.test(wanted) && container.id.startsWith(wanted));
}
