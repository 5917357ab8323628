/** An id of 64 hex digits, or the start of one: engines show 12 digits, and a shorter one is a name. */
const ID = /^[0-9a-f]{12,64}$/;

/** Returns true if a value can be a container's id, whole or shortened as engines show it. */
export function isContainerId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

/** Returns true if `wanted` is the container's name, its id, or at least the short form of that. */
export function isNamed(
  container: { readonly id: string; readonly name: string },
  wanted: string,
): boolean {
  return container.name === wanted || (isContainerId(wanted) && container.id.startsWith(wanted));
}

/** Returns the container's name as events and reports have it; "" for the host. */
export function eventContainer(identity: {
  readonly name: string;
  readonly isHost?: true | undefined;
}): string {
  return identity.isHost === true ? "" : identity.name;
}

/** Returns the fields of a log line that say whose systemd it is about. */
export function logged(identity: {
  readonly name: string;
  readonly isHost?: true | undefined;
  readonly user?: string | undefined;
}): {
  readonly container?: string;
  readonly host?: string;
  readonly user?: string;
} {
  const { name, isHost, user } = identity;
  const node = isHost === true ? { host: name } : { container: name };
  return user === undefined ? node : { ...node, user };
}
