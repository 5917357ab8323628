/** Time that systemd has to read a notification. */
const LIMIT_MS = 5_000;

/**
 * Notifies systemd, such as by `READY=1`, and resolves when systemd has read it. Runs the command
 * systemd-notify, for Node.js can't send to a datagram socket with a path: so the unit needs
 * NotifyAccess=all.
 *
 * @throws if the command is missing, or systemd rejects the notification
 */
export async function systemdNotify(socket: string, states: readonly string[]): Promise<void> {
  // Loaded only when used: it takes as much memory as all the rest.
  const { execa } = await import("execa");
  await execa("systemd-notify", ["--", ...states], {
    env: { NOTIFY_SOCKET: socket },
    stdin: "ignore",
    stdout: "ignore",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
}
