import type { ContainerRegistry } from "../../domain/host-container.ts";
import { labelsOf, readHostFile } from "./host-file.ts";
import type { HostPaths } from "./host-paths.ts";
import { parentContainer } from "./parent-container.ts";
import { readParentPid, readProcessArgs } from "./process-args.ts";

const MAX_CONFIG_BYTES = 64 * 1024;

/**
 * The process that started a container, by its command line: a shim, conmon, LXC's monitor,
 * systemd-nspawn. A container can't choose its parent. It needs /proc alone, so that it knows runtimes
 * whose files aren't readable, and ids of any form.
 */
export function parentProcess({ root, proc }: HostPaths): ContainerRegistry {
  return {
    name: "parent process",
    concerns: () => true,

    async describe({ id, pid, isProven }) {
      const parent = await readParentPid(proc, pid);
      const args = parent === undefined ? undefined : await readProcessArgs(proc, parent);
      const found = args === undefined ? undefined : parentContainer(args);
      // Any user can start a program under a runtime's name, for a container of theirs.
      const isNamed = (found?.name ?? found?.id) !== undefined;
      if (found === undefined || (isNamed && !isProven)) return undefined;
      const name = found.name ?? found.id ?? id;
      return {
        name,
        image: found.runtime === "lxc" ? await lxcImage(root, name) : "",
        labels: labelsOf({}),
        runtime: found.runtime,
      };
    },
  };
}

/** Returns what LXC's template made the container of: `debian`; "" if its configuration has none. */
async function lxcImage(root: string, name: string): Promise<string> {
  if (name.includes("/") || name.startsWith(".")) return "";
  const text = await readHostFile(`${root}/var/lib/lxc/${name}/config`, MAX_CONFIG_BYTES);
  return (
    /^# Template used to create this container: \/usr\/share\/lxc\/templates\/lxc-(\w{1,64})$/m.exec(
      text ?? "",
    )?.[1] ?? ""
  );
}
