import type { ContainerRegistry } from "../../domain/host-container.ts";
import type { HostPaths } from "./host-paths.ts";
import { isMachineName } from "../format/cgroup-path.ts";
import { boundedText, labelsOf, readHostFile } from "./host-file.ts";

const MAX_MACHINE_BYTES = 64 * 1024;

/** systemd-machined: `/run/systemd/machines/NAME` has `LEADER`, PID 1 of the container, and `SERVICE`. */
export function machineFiles({ root }: HostPaths): ContainerRegistry {
  return {
    name: "machined files",
    concerns: ({ id, runtime }) =>
      (runtime === "nspawn" || runtime === "libvirt-lxc") && isMachineName(id),

    async describe({ id, name, pid, runtime }) {
      const text = await readHostFile(`${root}/run/systemd/machines/${id}`, MAX_MACHINE_BYTES);
      const machine = new Map(
        (text ?? "").split("\n").map((line) => {
          const at = line.indexOf("=");
          return [line.slice(0, at), unquoted(line.slice(at + 1))] as const;
        }),
      );
      if (Number(machine.get("LEADER")) !== pid) return undefined;
      const service = machine.get("SERVICE");
      return {
        name: name ?? id,
        image: boundedText(machine.get("ROOT")),
        labels: labelsOf({}),
        runtime: service === "systemd-nspawn" ? "nspawn" : runtime,
      };
    },
  };
}

/** Returns a value of an environment file, which systemd quotes if it has to. */
function unquoted(value: string): string {
  const [, text] = /^"(.*)"$/.exec(value) ?? [];
  return text === undefined ? value : text.replaceAll(/\\(.)/g, "$1");
}
