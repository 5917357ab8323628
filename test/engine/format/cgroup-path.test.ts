import { expect, test } from "@jest/globals";
import { containerOfPath, unescapeUnitName } from "../../../src/engine/format/cgroup-path.ts";

const ID = "2f1d3a7c9b8e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b3a2918070605";
const OTHER = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const POD = "6f0f4a0b-9f1c-4c0e-8a5e-0c7c8b1d2e3f";
const POD_SLICE = `pod${POD.replaceAll("-", "_")}.slice`;
const STATIC_POD = "8b6a4d0e3f5c7a9b1d2e4f6081a3c5e7";

/** Returns the container of a path in short: `docker ID pod=UID`; "" if there is none. */
function found(path: string): string {
  const container = containerOfPath(path);
  if (container === undefined) return "";
  const { runtime, id, name, podUid } = container;
  const facts: string[] = [runtime, id];
  if (name !== undefined && name !== id) facts.push(`name=${name}`);
  if (podUid !== undefined) facts.push(`pod=${podUid}`);
  return facts.join(" ");
}

test.each([
  ["Docker, cgroupfs", `/docker/${ID}`, `docker ${ID}`],
  ["Docker, cgroupfs, in it", `/docker/${ID}/init.scope`, `docker ${ID}`],
  ["Docker, systemd", `/system.slice/docker-${ID}.scope/init.scope`, `docker ${ID}`],
  [
    "Docker, rootless",
    `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope/init.scope`,
    `docker ${ID}`,
  ],
  ["Docker with a parent", `/unitwatch-3f2a/${ID}/init.scope`, `docker ${ID}`],
  ["ctr, with a hostile name below", `/default/web/docker-${OTHER}.scope`, "containerd web"],
  ["Docker with a parent of two", `/a.slice/b/${ID}`, `docker ${ID}`],
  ["podman, systemd", `/machine.slice/libpod-${ID}.scope/container/init.scope`, `podman ${ID}`],
  ["podman, cgroupfs", `/libpod_parent/libpod-${ID}`, `podman ${ID}`],
  [
    "podman, in a pod",
    `/machine.slice/machine-libpod_pod_${OTHER}.slice/libpod-${ID}.scope`,
    `podman ${ID}`,
  ],
  [
    "podman, rootless",
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
    `podman ${ID}`,
  ],
  ["podman, in a unit", `/system.slice/web.service/libpod-payload-${ID}`, `podman ${ID}`],
  ["containerd by ctr", "/default/web-1/init.scope", "containerd web-1"],
  ["nerdctl, cgroupfs", `/default/${ID}`, `containerd ${ID}`],
  ["nerdctl, systemd", `/system.slice/nerdctl-${ID}.scope`, `containerd ${ID}`],
  [
    "containerd, systemd, guaranteed",
    `/kubepods.slice/kubepods-${POD_SLICE}/cri-containerd-${ID}.scope`,
    `containerd ${ID} pod=${POD}`,
  ],
  [
    "containerd, systemd, burstable",
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-${POD_SLICE}/cri-containerd-${ID}.scope/init.scope`,
    `containerd ${ID} pod=${POD}`,
  ],
  [
    "containerd, systemd, kubelet with a root",
    `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-${POD_SLICE}/cri-containerd-${ID}.scope`,
    `containerd ${ID} pod=${POD}`,
  ],
  [
    "containerd, cgroupfs, burstable",
    `/kubepods/burstable/pod${POD}/${ID}`,
    `containerd ${ID} pod=${POD}`,
  ],
  [
    "containerd, cgroupfs, static pod",
    `/kubepods/besteffort/pod${STATIC_POD}/${ID}/system.slice`,
    `containerd ${ID} pod=${STATIC_POD}`,
  ],
  [
    "containerd, names of systemd by cgroupfs",
    `/system.slice/containerd.service/kubepods-burstable-${POD_SLICE}:cri-containerd:${ID}`,
    `containerd ${ID} pod=${POD}`,
  ],
  [
    "CRI-O, systemd, besteffort",
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-${POD_SLICE}/crio-${ID}.scope/container`,
    `cri-o ${ID} pod=${POD}`,
  ],
  ["CRI-O, cgroupfs", `/kubepods/burstable/pod${POD}/crio-${ID}`, `cri-o ${ID} pod=${POD}`],
  [
    "Docker by cri-dockerd, systemd",
    `/kubepods.slice/kubepods-${POD_SLICE}/docker-${ID}.scope`,
    `docker ${ID} pod=${POD}`,
  ],
  ["LXC", "/lxc.payload.web/init.scope", "lxc web"],
  ["LXC, as LXC 3 had it", "/lxc/web/init.scope", "lxc web"],
  [
    "LXC of a user",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope/lxc.payload.web",
    "lxc web",
  ],
  ["Incus, in a project", "/lxc.payload.lab_web-1/system.slice", "lxc lab_web-1"],
  [
    "nspawn by machined",
    String.raw`/machine.slice/machine-web\x2d1.scope/payload/init.scope`,
    "nspawn web-1",
  ],
  [
    "nspawn by its service",
    "/machine.slice/systemd-nspawn@web-1.service/payload/init.scope",
    "nspawn web-1",
  ],
  [
    "LXC of libvirt",
    String.raw`/machine.slice/machine-lxc\x2d4711\x2dweb.scope`,
    "libvirt-lxc lxc-4711-web name=web",
  ],
  ["a cgroup namespace beside it", `/../cri-containerd-${ID}.scope`, `containerd ${ID}`],
  [
    "a cgroup namespace in another pod",
    `/../../kubepods-burstable-${POD_SLICE}/cri-containerd-${ID}.scope`,
    `containerd ${ID} pod=${POD}`,
  ],
])("finds the container when the path is of %s", (_what, path, expected) => {
  expect(found(path)).toBe(expected);
});

test.each([
  ["the root", "/"],
  ["nothing", ""],
  ["no path", `docker/${ID}`],
  ["a service of the host", "/system.slice/docker.service"],
  ["the host's PID 1", "/init.scope"],
  ["a session", "/user.slice/user-0.slice/session-1.scope"],
  ["a pod without a container", `/kubepods.slice/kubepods-${POD_SLICE}`],
  ["conmon of podman", `/machine.slice/libpod-conmon-${ID}.scope`],
  ["conmon of CRI-O", `/kubepods/burstable/pod${POD}/crio-conmon-${ID}/libpod-${OTHER}`],
  ["LXC's monitor", `/lxc.monitor.web/docker/${ID}`],
  ["a virtual machine", String.raw`/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt`],
  ["an id that is too short", `/system.slice/docker-${ID.slice(1)}.scope`],
  ["an unknown prefix", `/system.slice/thing-${ID}.scope`],
  ["an invalid name of a machine", String.raw`/machine.slice/machine-a\x2fb.scope`],
  ["more segments than a host has", `/${"a.slice/".repeat(64)}docker-${ID}.scope`],
  ["more text than the kernel shows", `/${"a".repeat(4_096)}/docker-${ID}.scope`],
])("finds no container when the path is of %s", (_what, path) => {
  expect(found(path)).toBe("");
});

test.each([
  ["Docker", `/docker/${ID}`, "docker"],
  ["podman", `/machine.slice/libpod-${ID}.scope`, "podman"],
  ["containerd", `/kubepods.slice/kubepods-${POD_SLICE}/cri-containerd-${ID}.scope`, "containerd"],
  ["LXC", "/lxc.payload.web", "lxc"],
  ["nspawn", "/machine.slice/machine-web.scope", "nspawn"],
  ["ctr", "/default/web", "containerd"],
])(
  "stays with the host's part when a container of %s names its cgroups",
  (_what, path, runtime) => {
    const own = [
      `docker-${OTHER}.scope`,
      `docker/${OTHER}`,
      `libpod-${OTHER}.scope`,
      "lxc.payload.victim",
      "lxc.monitor.victim",
      "machine.slice/machine-victim.scope",
      `kubepods/pod${STATIC_POD}/${OTHER}`,
      `..${OTHER}`,
    ];
    for (const name of own) {
      const container = containerOfPath(`${path}/${name}/init.scope`);
      expect(container).toMatchObject({ runtime, path });
    }
  },
);

test("keeps the dots when the cgroup is outside the namespace", () => {
  const container = containerOfPath(`/../../docker-${ID}.scope/init.scope`);
  expect(container?.path).toBe(`/../../docker-${ID}.scope`);
});

test.each([
  ["web", "web"],
  [String.raw`web\x2d1`, "web-1"],
  ["var-lib", "var/lib"],
  [String.raw`caf\xc3\xa9`, "café"],
  [String.raw`bad\xff`, String.raw`bad\xff`],
  [String.raw`nul\x00`, String.raw`nul\x00`],
  [String.raw`cut\x2`, String.raw`cut\x2`],
])("unescapes %s", (escaped, text) => {
  expect(unescapeUnitName(escaped)).toBe(text);
});
