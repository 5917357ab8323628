import type { TestNode } from "../engine/node.ts";

/** User of the node that has a manager, and its name. */
export const USER = "1000";
export const USER_MANAGER = `user@${USER}.service`;

/** pam_systemd sets this, which nodes don't have. */
const RUNTIME_DIR = "[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n";
const BUS_SOCKET = "[Socket]\nListenStream=%t/bus\n";
const BUS =
  "[Unit]\nRequires=dbus.socket\n[Service]\n" +
  "ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n";
const WRITE = 'mkdir -p "$(dirname "$1")" && cat >"$1"';

/** Prepares a node for user managers: with units of theirs, by name, and a bus that can be started. */
export async function prepareUsers(
  node: TestNode,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  await node.exec(["useradd", "--uid", USER, "alice"]);
  const files = {
    "/etc/systemd/system/user@.service.d/runtime-dir.conf": RUNTIME_DIR,
    "/etc/systemd/user/dbus.socket": BUS_SOCKET,
    "/etc/systemd/user/dbus.service": BUS,
    ...Object.fromEntries(
      Object.entries(units).map(([name, text]) => [`/etc/systemd/user/${name}`, text]),
    ),
  };
  for (const [path, text] of Object.entries(files)) {
    await node.exec(["sh", "-c", WRITE, "sh", path], { input: text });
  }
  await node.systemctl("daemon-reload");
}

/** Runs `systemctl --user` as the user; returns its output. */
export async function userctl(node: TestNode, ...args: readonly string[]): Promise<string> {
  const asUser = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
  const env = ["env", `XDG_RUNTIME_DIR=/run/user/${USER}`];
  const command = ["systemctl", "--user", "--no-pager", ...args];
  const { stdout } = await node.tryExec([...asUser, ...env, ...command]);
  return stdout.trim();
}
