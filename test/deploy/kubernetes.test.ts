import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import { parse, parseAllDocuments } from "yaml";
import { prometheusRule } from "../../docs/generate/prometheus-rule.ts";
import manifest from "../../package.json" with { type: "json" };
import { debianCommand } from "../support/debian-command.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "deploy/kubernetes");

const KINDS: Readonly<Record<string, string>> = {
  "base/namespace.yaml": 'import("kubernetes-types/core/v1.js").Namespace',
  "base/serviceaccount.yaml": 'import("kubernetes-types/core/v1.js").ServiceAccount',
  "base/daemonset.yaml": 'import("kubernetes-types/apps/v1.js").DaemonSet',
  "base/service.yaml": 'import("kubernetes-types/core/v1.js").Service',
};

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
}

interface Kustomization {
  readonly namespace: string;
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
}

describe("the manifests", () => {
  test("match the types of the Kubernetes API, without unknown fields", async () => {
    expect(await typeErrors({})).toBe("");

    const daemonSet = read("base/daemonset.yaml") as { spec: object };
    expect(
      await typeErrors({ "base/daemonset.yaml": { ...daemonSet, spec: { replicas: 1 } } }),
    ).toMatch(/replicas/);
  });

  test("are all listed in a kustomization, with the tag of the image", () => {
    const base = read("base/kustomization.yaml") as Kustomization;
    const operator = read("prometheus-operator/kustomization.yaml") as Kustomization;

    expect(base.resources.map((name) => `base/${name}`).toSorted()).toEqual(
      Object.keys(KINDS).toSorted(),
    );
    expect(base.images).toEqual([{ name: "unitwatch", newTag: manifest.version }]);
    expect(operator.resources).toEqual(["../base", "podmonitor.yaml", "prometheusrule.yaml"]);
    expect([base.namespace, operator.namespace]).toEqual(["unitwatch", "unitwatch"]);
    for (const name of operator.resources.slice(1)) read(`prometheus-operator/${name}`);
  });

  test("are built by kubectl, with the tag of the image", async () => {
    const folder = mkdtempSync(join(tmpdir(), "unitwatch-kustomize-"));
    try {
      cpSync(FOLDER, folder, { recursive: true });
      const file = join(folder, "prometheus-operator/kustomization.yaml");
      // Debian's kubectl doesn't accept a folder as a resource yet.
      const text = readFileSync(file, "utf8");
      const old = text.replace("resources:\n  - ../base\n", "bases: [../base]\nresources:\n");
      writeFileSync(file, old);
      const kubectl = await debianCommand("kubectl", "kubernetes-client");
      const { stdout } = await execa(kubectl, ["kustomize", join(folder, "prometheus-operator")]);

      const built = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
      expect(built.map(({ kind }) => kind).toSorted()).toEqual([
        "DaemonSet",
        "Namespace",
        "PodMonitor",
        "PrometheusRule",
        "Service",
        "ServiceAccount",
      ]);
      for (const { kind, metadata } of built) {
        expect(metadata.namespace).toBe(kind === "Namespace" ? undefined : "unitwatch");
      }
      expect(stdout).toContain(`image: unitwatch:${manifest.version}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(["socket", "proc"])("add the rights for %s, and no others", async (overlay) => {
    const spec = await builtPod(overlay);
    const base = (read("base/daemonset.yaml") as DaemonSet).spec.template.spec;
    const [container] = base["containers"] as [PodContainer];
    const capabilities = { drop: ["ALL"], add: ["SYS_PTRACE", "SETUID", "SETGID"] };
    const [built] = spec["containers"] as [PodContainer];
    expect(spec).toMatchObject({
      hostPID: true,
      securityContext: { ...(base["securityContext"] as object), ...ROOT_USER[overlay] },
    });
    expect(built.securityContext).toEqual({ ...container.securityContext, capabilities });
    const others = ({ containers: _containers, ...rest }: Record<string, unknown>) => rest;
    if (overlay === "socket") {
      const { securityContext } = spec;
      const expected = { ...base, hostPID: true, securityContext };
      expect(others(spec)).toEqual(others(expected));
      const image = `unitwatch:${manifest.version}`;
      const { securityContext: granted } = built;
      expect(built).toEqual({ ...container, image, securityContext: granted });
    }
  });

  test("mount the node's cgroups and containerd read-only, and no socket of Docker, for proc", async () => {
    const spec = await builtPod("proc");
    const [built] = spec["containers"] as [PodContainer];
    expect(built.args).toEqual(["--runtime=proc"]);
    const isStorage = ({ name }: { readonly name: string }) => name === "storage";
    expect(built.volumeMounts.filter((mount) => !isStorage(mount))).toEqual(
      [
        ["cgroups", "/host/sys/fs/cgroup"],
        ["containerd", "/run/containerd"],
      ].map(([name, mountPath]) => ({
        name,
        mountPath,
        readOnly: true,
        mountPropagation: "HostToContainer",
      })),
    );
    const volumes = spec["volumes"] as readonly { readonly name: string }[];
    expect(volumes.map(({ name }) => name).toSorted()).toEqual([
      "cgroups",
      "containerd",
      "storage",
    ]);
  });

  test("grant no role, and run without root, capabilities and a writable root file system", () => {
    const { spec } = read("base/daemonset.yaml") as {
      spec: {
        selector: { matchLabels: object };
        template: {
          metadata: { labels: object };
          spec: { securityContext: object; containers: { securityContext: object }[] };
        };
      };
    };
    const { metadata, spec: pod } = spec.template;

    expect(metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      serviceAccountName: "unitwatch",
    });
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(pod.containers[0]?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const texts = Object.keys(KINDS).map((path) => readFileSync(join(FOLDER, path), "utf8"));
    expect(texts.join("\n")).not.toMatch(/kind: (?:Cluster)?Role/);
  });

  test("scrape with the job and labels that the rules select", () => {
    const { spec } = read("prometheus-operator/podmonitor.yaml") as {
      spec: { selector: object; podMetricsEndpoints: readonly { port: string }[] };
    };
    expect(spec.selector).toEqual({ matchLabels: { "app.kubernetes.io/name": "unitwatch" } });
    expect(spec.podMetricsEndpoints).toEqual([
      expect.objectContaining({
        port: "metrics",
        honorLabels: true,
        relabelings: expect.arrayContaining([{ targetLabel: "job", replacement: "unitwatch" }]),
      }),
    ]);
  });

  test("have the rules of deploy/prometheus that `npm run docs` writes", () => {
    expect(read("prometheus-operator/prometheusrule.yaml")).toEqual(prometheusRule());
  });
});

/** User of each overlay; proc has no group of an engine's socket. */
const ROOT_USER: Readonly<Record<string, object>> = {
  socket: { runAsNonRoot: false, runAsUser: 0 },
  proc: { runAsNonRoot: false, runAsUser: 0, supplementalGroups: [] },
};

interface PodContainer {
  readonly args?: readonly string[];
  readonly image: string;
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string }[];
}

interface DaemonSet {
  readonly spec: { readonly template: { readonly spec: Readonly<Record<string, unknown>> } };
}

/** Returns the pod of an overlay's DaemonSet, as kubectl builds it. */
async function builtPod(overlay: string): Promise<Readonly<Record<string, unknown>>> {
  const folder = mkdtempSync(join(tmpdir(), "unitwatch-kustomize-"));
  try {
    cpSync(FOLDER, folder, { recursive: true });
    const file = join(folder, overlay, "kustomization.yaml");
    // Fields of Debian's kubectl.
    const old = readFileSync(file, "utf8")
      .replace("resources:\n  - ../base\n", "bases: [../base]\n")
      .replace("patches:\n  - path: daemonset.yaml\n", "patchesStrategicMerge: [daemonset.yaml]\n");
    writeFileSync(file, old);
    const kubectl = await debianCommand("kubectl", "kubernetes-client");
    const { stdout } = await execa(kubectl, ["kustomize", join(folder, overlay)]);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
    const built = documents.find(({ kind }) => kind === "DaemonSet") as unknown as DaemonSet;
    return built.spec.template.spec;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(path: string): unknown {
  return parse(readFileSync(join(FOLDER, path), "utf8"));
}

/** Returns the errors of tsc for the manifests, each as a value of its kind's type. */
async function typeErrors(changed: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "unitwatch-manifests-"));
  try {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    const lines = Object.entries(KINDS).map(([path, type], index) => {
      return `export const at${index}: ${type} = ${JSON.stringify(changed[path] ?? read(path))};`;
    });
    writeFileSync(join(folder, "manifests.ts"), lines.join("\n"));
    const options = [
      "--strict",
      "--exactOptionalPropertyTypes",
      "--noEmit",
      "--module",
      "nodenext",
    ];
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const { stdout } = await execa(tsc, [...options, "--types", "", "manifests.ts"], {
      cwd: folder,
      reject: false,
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
