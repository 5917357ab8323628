/** How long systemd may take to read a notification. */
const LIMIT_MS = 5_000;

/**
 * Tells systemd something, such as `READY=1`, and resolves when it has read it. By its command:
 * Node.js can't send to a datagram socket that has a path. So the unit needs NotifyAccess=all.
 *
 * @throws where there is no such command, or systemd doesn't take it
 */
export async function systemdNotify(socket: string, states: readonly string[]): Promise<void> {
  // It costs as much memory as all the rest: it is loaded where it is needed.
  const { execa } = await import("execa");
  await execa("systemd-notify", ["--", ...states], {
    env: { NOTIFY_SOCKET: socket },
    stdin: "ignore",
    stdout: "ignore",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
}
