import type { CgroupContainer } from "../../domain/host-container.ts";

/** Runtimes that a path, or the host's own files, can name; values of the label `runtime`. */
export type HostRuntime =
  | "docker"
  | "podman"
  | "containerd"
  | "cri-o"
  | "lxc"
  | "incus"
  | "lxd"
  | "nspawn"
  | "libvirt-lxc";

/** A container that a path names. */
interface PathContainer extends CgroupContainer {
  readonly runtime: HostRuntime;
}

/** Longest path that is parsed, as the kernel has it in /proc. */
const MAX_PATH_CHARS = 4_096;
/** Longest path in segments: hosts have ten, a hostile container any number below its own. */
const MAX_SEGMENTS = 64;
const MAX_NAME_CHARS = 256;

const HEX_ID = /^[0-9a-f]{64}$/;
/** `docker-ID.scope`; without `.scope` by the cgroupfs driver. */
const PREFIXED = /^([a-z][a-z-]{0,30})-([0-9a-f]{64})(?:\.scope)?$/;
/** A systemd name that the cgroupfs driver takes as it is: `SLICE:cri-containerd:ID`. */
const COLONS = /^[^:]{1,255}:([a-z][a-z-]{0,30}):([0-9a-f]{64})$/;
/** A pod's cgroup; the systemd driver writes `_` for `-`, and a static pod has a hash. */
const POD =
  /(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?=$|:)/;
/** `machine-NAME.scope` of systemd-machined, NAME escaped. */
const MACHINE = /^machine-(.+)\.scope$/;
const NSPAWN_SERVICE = /^systemd-nspawn@(.+)\.service$/;
/** As systemd checks the name of a machine. */
const MACHINE_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?$/;
/** libvirt's machines: `qemu-1-NAME`, `lxc-4711-NAME`. */
const LIBVIRT = /^(qemu|lxc|ch)-\d{1,10}-(.+)$/;
/** As LXC checks nothing, and Incus wants a host's name, with the project before it. */
const LXC_NAME = /^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}$/;
/** As containerd checks ids and namespaces. */
const CONTAINERD_ID = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;
const MAX_CONTAINERD_ID_CHARS = 76;

/** Prefixes of ids; null: the runtime's own cgroup beside a container. */
const RUNTIMES: ReadonlyMap<string, HostRuntime | null> = new Map<string, HostRuntime | null>([
  ["docker", "docker"],
  ["libpod", "podman"],
  ["libpod-payload", "podman"],
  ["libpod-conmon", null],
  ["cri-containerd", "containerd"],
  ["nerdctl", "containerd"],
  ["crio", "cri-o"],
  ["crio-conmon", null],
  ["buildah", null],
]);

/** Namespaces that containerd's own clients use; those of others look like any folder. */
const NAMESPACES: ReadonlySet<string> = new Set(["default", "k8s.io", "buildkit"]);

/** One segment of a path, with what is before it. */
interface Step {
  readonly before: readonly string[];
  readonly segment: string;
  /** Pod of a segment up to this one. */
  readonly podUid: string | undefined;
  /** Path up to this segment. */
  readonly path: string;
}

/**
 * Returns the container that a process of this cgroup is in; undefined if the path names none.
 *
 * Only the host's part of the path counts, up to the outermost cgroup that has a container's form: what
 * a container calls its own cgroups below that is never read. The runtime is a guess where several write
 * the same form: an id alone below a pod is containerd's or Docker's, elsewhere it is taken for Docker's.
 *
 * @param path as /proc/PID/cgroup has it: `/docker/ID/init.scope`, or `/../NAME` from within a cgroup
 * namespace
 */
export function containerOfPath(path: string): PathContainer | undefined {
  if (path.length > MAX_PATH_CHARS || !path.startsWith("/")) return undefined;
  const segments = path.split("/").filter((segment) => segment !== "");
  const before: string[] = [];
  let podUid: string | undefined;
  for (const [index, segment] of segments.slice(0, MAX_SEGMENTS).entries()) {
    if (segment === "..") continue;
    podUid = POD.exec(segment)?.[1]?.replaceAll("_", "-") ?? podUid;
    const upTo = `/${segments.slice(0, index + 1).join("/")}`;
    const container = containerOf({ before, segment, podUid, path: upTo });
    if (container === null) return undefined;
    if (container !== undefined) return container;
    before.push(segment);
  }
  return undefined;
}

/** Returns the container whose cgroup this is; null if it and all below it is a runtime's own. */
function containerOf(step: Step): PathContainer | null | undefined {
  const { before, segment, path } = step;
  const [, prefix, id] = PREFIXED.exec(segment) ?? COLONS.exec(segment) ?? [];
  if (prefix !== undefined && id !== undefined) {
    const runtime = RUNTIMES.get(prefix);
    return runtime === undefined || runtime === null ? runtime : byId(step, runtime, id);
  }
  const [namespace = ""] = before;
  const isContainerds = before.length === 1 && NAMESPACES.has(namespace);
  if (HEX_ID.test(segment)) {
    const isPods = step.podUid !== undefined;
    return byId(step, isPods || isContainerds ? "containerd" : "docker", segment);
  }
  // `ctr` takes any name for an id.
  if (isContainerds && isContainerdId(segment)) {
    return { runtime: "containerd", id: segment, path };
  }
  if (segment.startsWith("lxc.monitor.") || segment === "lxc.pivot") return null;
  return lxcContainer(step) ?? machine(step);
}

function byId({ podUid, path }: Step, runtime: HostRuntime, id: string): PathContainer {
  return { runtime, id, path, ...(podUid !== undefined && { podUid }) };
}

/** Returns a container of LXC; those of Incus and LXD have the same form. */
function lxcContainer({ before, segment, path }: Step): PathContainer | undefined {
  const payload = segment.startsWith("lxc.payload.")
    ? segment.slice("lxc.payload.".length)
    : before.at(-1) === "lxc"
      ? segment
      : undefined;
  if (payload === undefined || !LXC_NAME.test(payload)) return undefined;
  return { runtime: "lxc", id: payload, name: payload, path };
}

/** Returns the container of systemd-nspawn or of libvirt; null for a virtual machine. */
function machine({ segment, path }: Step): PathContainer | null | undefined {
  // machinectl and systemd-nspawn@.service use the instance as it is: it isn't unescaped.
  const instance = NSPAWN_SERVICE.exec(segment)?.[1];
  const scope = MACHINE.exec(segment)?.[1];
  const name = instance ?? (scope === undefined ? undefined : unescapeUnitName(scope));
  if (name === undefined || !MACHINE_NAME.test(name)) return undefined;
  const [, kind, domain] = LIBVIRT.exec(name) ?? [];
  if (scope !== undefined && kind !== undefined && domain !== undefined) {
    return kind === "lxc" ? { runtime: "libvirt-lxc", id: name, name: domain, path } : null;
  }
  return { runtime: "nspawn", id: name, name, path };
}

/** Returns whether the text is a whole id, as Docker, podman and the CRI make them. */
export function isHexId(text: string): boolean {
  return HEX_ID.test(text);
}

/** Returns whether systemd takes the text as the name of a machine. */
export function isMachineName(text: string): boolean {
  return MACHINE_NAME.test(text);
}

/** Returns whether containerd takes the text as an id or a namespace. */
export function isContainerdId(text: string): boolean {
  return text.length <= MAX_CONTAINERD_ID_CHARS && CONTAINERD_ID.test(text);
}

/**
 * Returns the text that systemd escaped for the name of a unit: `web\x2d1` is `web-1`. `-` becomes `/`,
 * as systemd has it; a byte that is no character is kept as it was written.
 */
export function unescapeUnitName(escaped: string): string {
  return escaped
    .slice(0, MAX_NAME_CHARS)
    .replaceAll("-", "/")
    .replaceAll(/(?:\\x[0-9a-f]{2})+/g, (run) => {
      const text = Buffer.from(run.replaceAll("\\x", ""), "hex").toString("utf8");
      return text.includes("\uFFFD") || text.includes("\0") ? run : text;
    });
}
