import { ContainerRoot, type ContainerRootOptions } from "./container-root.ts";

const UNIT = "dbus.socket";
/** Folders of unit files that packages bring along. */
const PACKAGED = [
  ["usr", "lib", "systemd", "system"],
  ["lib", "systemd", "system"],
];
/** Folders whose file of that name replaces it: a mask is a link there. */
const LOCAL = [
  ["etc", "systemd", "system"],
  ["run", "systemd", "system"],
];

/** True if the container has the unit of a bus that isn't masked or replaced: its bus is to come. */
export function expectsBus(options: ContainerRootOptions): boolean {
  try {
    using root = ContainerRoot.open(options);
    const has = (folders: readonly string[]): boolean => root.has(folders, UNIT);
    return PACKAGED.some(has) && !LOCAL.some(has);
  } catch {
    return false;
  }
}
