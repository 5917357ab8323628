/** Highest user id of Linux; the one above it stands for none. */
const MAX_UID = 4_294_967_294;

/** Returns the user id of a user manager's service, `user@1000.service`; undefined for any other unit. */
export function userOf(unit: string): string | undefined {
  if (!unit.startsWith("user@")) return undefined;
  const user = /^user@(0|[1-9]\d{0,9})\.service$/.exec(unit)?.[1];
  return user !== undefined && Number(user) <= MAX_UID ? user : undefined;
}

/** Returns a key of one systemd: of a container, or of a user's manager in it. */
export function managerKey({
  id,
  user,
}: {
  readonly id: string;
  readonly user?: string | undefined;
}): string {
  return user === undefined ? id : `${id} ${user}`;
}

/** Divides a {@link managerKey}. */
export function managerOf(key: string): { readonly id: string; readonly user: string | undefined } {
  const [id = "", user] = key.split(" ", 2);
  return { id, user };
}

/**
 * Returns the name of a unit among all of its node: its own, or for a unit of a user manager its place in
 * the tree of control groups, `user@1000.service/app.service`. No unit's name has a slash.
 */
export function unitPath(user: string | undefined, unit: string): string {
  return user === undefined || unit === "" ? unit : `user@${user}.service/${unit}`;
}
