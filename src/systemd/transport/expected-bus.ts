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
  ["run", "systemd", "generator.early"],
];

/** A file that is there from the begin of a boot until users may log in, and from the begin of a stop. */
const NO_LOGIN = { folders: ["run"], name: "nologin" } as const;

export interface ExpectedBus {
  /** True if the container has the unit of a bus that isn't masked or replaced: its bus is to come. */
  readonly isExpected: boolean;
  /** True if the container's systemd says that it boots or stops. */
  readonly isInTransition: boolean;
}

/** Returns what the container's files say about a bus that is absent. */
export function expectedBus(options: ContainerRootOptions): ExpectedBus {
  try {
    using root = ContainerRoot.open(options);
    const has = (folders: readonly string[]): boolean => root.has(folders, UNIT);
    return {
      isExpected: PACKAGED.some(has) && !LOCAL.some(has),
      isInTransition: root.has(NO_LOGIN.folders, NO_LOGIN.name),
    };
  } catch {
    return { isExpected: false, isInTransition: false };
  }
}
