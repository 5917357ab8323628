import { basename } from "node:path";
import { isContainerdId } from "../format/cgroup-path.ts";
import { boundedText } from "./host-file.ts";

/** A container, as the command line of the process that started it has it. */
export interface ParentContainer {
  readonly runtime: string;
  /** Absent if the command line has none. */
  readonly id?: string;
  readonly name?: string;
}

const MOBY = "moby";
/** LXC's monitor writes this over its arguments: folder of the containers, and the name. */
const LXC_MONITOR = /^\[lxc monitor\] (\/\S+) (\S+)$/;
const INCUS_FOLDER = /^\/var\/lib\/incus\//;
const LXD_FOLDER = /^\/var\/(?:lib\/lxd|snap\/lxd)\//;

/** Reads the command line of a container's parent; undefined if it is no runtime's. */
export function parentContainer(args: readonly string[]): ParentContainer | undefined {
  const [command = ""] = args;
  const [, folder, lxcName] = LXC_MONITOR.exec(command.trim()) ?? [];
  if (folder !== undefined && lxcName !== undefined) {
    const runtime = INCUS_FOLDER.test(folder) ? "incus" : LXD_FOLDER.test(folder) ? "lxd" : "lxc";
    return { runtime, id: boundedText(lxcName), name: boundedText(lxcName) };
  }
  switch (basename(command)) {
    case "containerd-shim-runc-v2":
    case "containerd-shim-runc-v1":
    case "containerd-shim":
      return ofShim(args);
    case "conmon":
      return ofConmon(args);
    case "lxc-start":
    case "lxc-execute":
      return named("lxc", optionOf(args, "-n", "--name"));
    case "systemd-nspawn":
      return named("nspawn", optionOf(args, "-M", "--machine"));
    default:
      return undefined;
  }
}

function ofShim(args: readonly string[]): ParentContainer | undefined {
  const namespace = optionOf(args, "-namespace", "--namespace");
  const id = optionOf(args, "-id", "--id");
  if (namespace === undefined || id === undefined || !isContainerdId(id)) return undefined;
  // The shim of a pod has the id of its sandbox alone.
  if (namespace === "k8s.io") return undefined;
  return { runtime: namespace === MOBY ? "docker" : "containerd", id };
}

function ofConmon(args: readonly string[]): ParentContainer | undefined {
  const id = optionOf(args, "-c", "--cid");
  if (id === undefined || !isContainerdId(id)) return undefined;
  const isCrio = (optionOf(args, "--exit-dir") ?? "").includes("/crio/");
  const name = optionOf(args, "-n", "--name");
  return {
    runtime: isCrio ? "cri-o" : "podman",
    id,
    ...(name !== undefined && { name: boundedText(name) }),
  };
}

function named(runtime: string, name: string | undefined): ParentContainer {
  const bounded = boundedText(name);
  return bounded === "" ? { runtime } : { runtime, id: bounded, name: bounded };
}

/** Returns the value of the first of these options that the command has: `-n web`, `--name=web`. */
function optionOf(args: readonly string[], ...names: readonly string[]): string | undefined {
  for (const [index, argument] of args.entries()) {
    if (index === 0) continue;
    if (argument === "--") return undefined;
    for (const name of names) {
      if (argument === name) return args[index + 1];
      if (name.startsWith("--") && argument.startsWith(`${name}=`)) {
        return argument.slice(name.length + 1);
      }
      const isShort = /^-[A-Za-z]$/.test(name);
      if (isShort && argument.startsWith(name) && !argument.startsWith("--")) {
        return argument.slice(name.length);
      }
    }
  }
  return undefined;
}
