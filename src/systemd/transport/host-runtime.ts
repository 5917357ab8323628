import { accessSync, constants, statSync } from "node:fs";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import { JournalError } from "../format/journal.ts";
import { runHostCommand } from "./host-command.ts";
import type { HostSystem } from "./host-system.ts";

/** Exit code of chroot(1) if it fails itself. */
const CHROOT_FAILED = 125;
const FOLDERS = ["/run/log/journal", "/var/log/journal"];

type JournalHost = Pick<HostSystem, "root" | "machineId">;

/**
 * Returns what runs the commands that read the host's journal as those of a container are run, as this
 * process's user. A container runs them in the host's tree, as far as it may change its root.
 */
export function hostRuntime(
  host: JournalHost,
  run = runHostCommand,
): Pick<ContainerRuntime, "run"> {
  return {
    async run(_container, [file = "", ...args], { maxBytes, signal }) {
      checkAccess(host);
      const options = { maxBytes, signal };
      if (host.root === "") return run([file, ...args], options);
      const output = await run(["chroot", host.root, file, ...args], options);
      if (output.exitCode !== CHROOT_FAILED) return output;
      // It needs CAP_SYS_CHROOT, which doesn't come later.
      throw new JournalError(output.stderr.trim(), true);
    },
  };
}

/** @throws JournalError if this user may not read the system's journal: journalctl shows what it may */
function checkAccess({ root, machineId }: JournalHost): void {
  for (const folder of FOLDERS) {
    const file = `${root}${folder}/${machineId}/system.journal`;
    try {
      if (statSync(file, { throwIfNoEntry: false }) === undefined) continue;
      accessSync(file, constants.R_OK);
    } catch {
      const user = `user ${process.geteuid?.() ?? ""}`;
      throw new JournalError(`${user} may not read ${file}: group systemd-journal may`, true);
    }
  }
}
