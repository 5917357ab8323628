/** Returns the runtime folder of a user, where pam_systemd and user-runtime-dir@.service make it. */
export function userFolders(user: string): readonly string[] {
  return ["run", "user", user];
}

/** Returns the private socket of a user's manager. */
export function userSocket(user: string): string {
  return `/${userFolders(user).join("/")}/systemd/private`;
}
