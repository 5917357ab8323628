import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import { parse, parseAllDocuments } from "yaml";
import manifest from "../../../package.json" with { type: "json" };
import { goProgram } from "../../support/go-program.ts";
import { HELM } from "../../support/helm.ts";
import {
  KUBERNETES_VERSIONS,
  kubernetesSchemas,
  operatorSchemas,
  SCHEMA_FILES,
} from "../../support/kubernetes-schemas.ts";
import { slowMs } from "../../support/slowness.ts";

const DEPLOY = join(import.meta.dirname, "../../../deploy");
const CHART = join(DEPLOY, "helm/unitwatch");
const KUBECONFORM = { path: "github.com/yannh/kubeconform/cmd/kubeconform", version: "v0.8.0" };
// Building helm takes minutes, the first time.
const BUILD_MS = 900_000;

type Values = Readonly<Record<string, unknown>>;

interface Container {
  readonly args?: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly image: string;
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string }[];
}

interface Pod {
  readonly hostPID?: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly [Container];
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
}

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly template: { readonly spec: Pod }; readonly groups?: readonly object[] };
  readonly data?: Readonly<Record<string, string>>;
}

/** Values that switch on everything. */
const ALL: Values = {
  hostAccess: true,
  systemd: { transport: "socket" },
  flags: { "log.level": "debug", "watch.filter": ["label=a", "name=b"] },
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" },
  envFrom: [{ secretRef: { name: "otlp" } }],
  imagePullSecrets: [{ name: "registry" }],
  storage: { hostPath: "/var/lib/unitwatch" },
  podAnnotations: { a: "b" },
  podLabels: { c: "d" },
  priorityClassName: "system-node-critical",
  nodeSelector: { "kubernetes.io/os": "linux" },
  affinity: { nodeAffinity: {} },
  extraVolumes: [{ name: "web", secret: { secretName: "web" } }],
  extraVolumeMounts: [{ name: "web", mountPath: "/etc/unitwatch" }],
  podMonitor: { enabled: true, labels: { release: "prometheus" } },
  prometheusRule: { enabled: true, labels: { release: "prometheus" } },
  dashboards: { enabled: true, annotations: { folder: "unitwatch" } },
};

/** All of that without an engine. */
const PROC: Values = { ...ALL, flags: { runtime: "proc" } };

describe("the Helm chart", () => {
  let folder: string;
  let helm: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "unitwatch-helm-"));
    helm = await goProgram(HELM);
  }, BUILD_MS);
  afterAll(() => rm(folder, { recursive: true }));

  const rendered = async (values: Values, version = "v1.37.2"): Promise<string> => {
    const file = join(folder, "values.json");
    await writeFile(file, JSON.stringify(values));
    const args = ["template", "unitwatch", CHART, "--values", file, "--kube-version", version];
    return (await execa(helm, args)).stdout;
  };
  const resources = async (values: Values): Promise<readonly Resource[]> =>
    parseAllDocuments(await rendered(values))
      .map((document) => document.toJS() as Resource | null)
      .filter((resource) => resource !== null);
  const podOf = async (values: Values): Promise<Pod> => {
    const daemonSet = (await resources(values)).find(({ kind }) => kind === "DaemonSet");
    return (daemonSet as Resource).spec.template.spec;
  };
  const argsOf = async (values: Values): Promise<readonly string[] | undefined> =>
    (await podOf(values)).containers[0].args;

  test.each([{}, ALL, PROC])("passes helm lint with values %#", async (values) => {
    const file = join(folder, "lint.json");
    await writeFile(file, JSON.stringify(values));
    const options = ["--strict", "--kube-version", "v1.37.2", "--values", file];
    const { stdout } = await execa(helm, ["lint", CHART, ...options]);
    expect(stdout).toContain("1 chart(s) linted, 0 chart(s) failed");
    expect(stdout).not.toMatch(/\[(?:WARNING|ERROR)\]/);
  });

  test.each(KUBERNETES_VERSIONS)(
    "makes resources of the API of Kubernetes %s, without unknown fields",
    async (version) => {
      const kubeconform = await goProgram(KUBECONFORM);
      const folders = await Promise.all([kubernetesSchemas(version), operatorSchemas()]);
      const where = folders.flatMap((each) => ["-schema-location", join(each, SCHEMA_FILES)]);
      const check = (input: string) =>
        execa(kubeconform, ["-summary", ...where, "-"], { input, reject: false });

      for (const [values, count] of [
        [{}, 3],
        [ALL, 7],
        [PROC, 7],
      ] as const) {
        const input = await rendered(values, version);
        const { stdout, exitCode } = await check(input);
        expect({ stdout, exitCode }).toEqual({
          stdout: `Summary: ${count} resources found parsing stdin - Valid: ${count}, Invalid: 0, Errors: 0, Skipped: 0`,
          exitCode: 0,
        });
        const wrong = await check(input.replace("hostPID:", "hostPid:").replace("ports:", "port:"));
        expect(wrong.exitCode).toBe(1);
      }
    },
    slowMs(300_000),
  );

  test("makes by default what the kustomization has", async () => {
    const base = parse(
      readFileSync(join(DEPLOY, "kubernetes/base/daemonset.yaml"), "utf8"),
    ) as Resource;
    const { imagePullPolicy, ...container } = (await podOf({})).containers[0] as Container & {
      readonly imagePullPolicy: string;
    };
    const pod = { ...(await podOf({})), containers: [{ ...container, image: "unitwatch" }] };
    expect(pod).toEqual(base.spec.template.spec);
    expect([imagePullPolicy, container.image]).toEqual([
      "IfNotPresent",
      `unitwatch:${manifest.version}`,
    ]);

    const operator = parse(
      readFileSync(join(DEPLOY, "kubernetes/prometheus-operator/podmonitor.yaml"), "utf8"),
    ) as { spec: { podMetricsEndpoints: object } };
    const monitor = (await resources(ALL)).find(({ kind }) => kind === "PodMonitor");
    expect(monitor?.spec).toMatchObject({ podMetricsEndpoints: operator.spec.podMetricsEndpoints });
  });

  test.each([
    ["auto", undefined, undefined],
    ["dbus", ["--systemd.transport=dbus"], undefined],
    // Helm reads the word off without quotes as false.
    [false, ["--systemd.transport=off"], undefined],
    ["socket", ["--systemd.transport=socket"], true],
  ])("gives the transport %s the rights that it needs", async (transport, args, hostPID) => {
    const pod = await podOf({ systemd: { transport }, hostAccess: hostPID === true });
    expect([pod.containers[0].args, pod.hostPID]).toEqual([args, hostPID]);
    const added = hostPID === true ? { add: ["SYS_PTRACE", "SETUID", "SETGID"] } : {};
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"], ...added },
    });
    expect(pod.securityContext).toMatchObject(
      hostPID === true
        ? { runAsUser: 0, runAsNonRoot: false, runAsGroup: 1000, fsGroup: 1000 }
        : { runAsUser: 1000, runAsNonRoot: true },
    );
  });

  test("has the rights of the kustomization for the socket transport, and one more for the host", async () => {
    const overlay = parse(
      readFileSync(join(DEPLOY, "kubernetes/socket/daemonset.yaml"), "utf8"),
    ) as Resource;
    const { securityContext, hostPID, containers } = overlay.spec.template.spec;
    const pod = await podOf({ hostAccess: true });
    expect(pod).toMatchObject({ securityContext, hostPID });
    expect(pod.containers[0].securityContext).toMatchObject(containers[0].securityContext);

    const host = await podOf({ hostAccess: true, flags: { "systemd.host": true } });
    expect(host.containers[0].args).toEqual(["--systemd.host=on"]);
    expect(host.containers[0].securityContext).toMatchObject({
      capabilities: { add: ["SYS_PTRACE", "SETUID", "SETGID", "SYS_CHROOT"] },
    });
  });

  test("mounts for proc what its kustomization mounts, and no socket of Docker", async () => {
    const overlay = parse(
      readFileSync(join(DEPLOY, "kubernetes/proc/daemonset.yaml"), "utf8"),
    ) as Resource;
    const { containers } = overlay.spec.template.spec;
    const flags = { runtime: "proc" };
    const pod = await podOf({ hostAccess: true, flags });
    const mountsOf = ({ volumeMounts }: Container) =>
      volumeMounts
        .filter((mount) => !("$patch" in mount) && mount.name !== "storage")
        .map((mount) => Object.entries(mount).filter(([key]) => key !== "name"));
    expect(mountsOf(pod.containers[0])).toEqual(mountsOf(containers[0]));
    expect(pod.containers[0].securityContext).toMatchObject(containers[0].securityContext);
    expect(pod.containers[0].args).toEqual(["--runtime=proc"]);
    expect(pod.securityContext).not.toHaveProperty("supplementalGroups");
    expect(JSON.stringify(pod)).not.toContain("docker");

    const folders = ["/run/crio", "/run/containers/storage"];
    const crio = await podOf({ hostAccess: true, flags, proc: { folders } });
    expect(crio.containers[0].volumeMounts).toEqual(
      expect.arrayContaining(
        folders.map((mountPath) => expect.objectContaining({ mountPath, readOnly: true })),
      ),
    );
  });

  test("writes flags as the program reads them", async () => {
    const flags = {
      "log.changes": "all",
      "metrics.series-limit": 2_000_000,
      "otlp.logs": false,
      "systemd.unit-include": String.raw`slurm.*\.service`,
      "watch.filter": ["label=a", "name=b"],
    };
    const args = await argsOf({ flags });
    expect(args).toEqual([
      "--log.changes=all",
      "--metrics.series-limit=2000000",
      "--otlp.logs=off",
      String.raw`--systemd.unit-include=slurm.*\.service`,
      "--watch.filter=label=a",
      "--watch.filter=name=b",
    ]);
    const main = join(DEPLOY, "../src/main.ts");
    await execa(process.execPath, [main, "--check-config", "--storage.path=", ...(args ?? [])]);
  });

  test("has the rules and dashboards that deploy/ has", async () => {
    const all = await resources(ALL);
    const groups = (file: string): unknown =>
      (parse(readFileSync(join(DEPLOY, "prometheus", file), "utf8")) as { groups: unknown }).groups;
    const rule = all.find(({ kind }) => kind === "PrometheusRule");
    expect(rule?.spec.groups).toEqual(groups("rules/unitwatch.yml"));
    const pushed = await resources({ prometheusRule: { enabled: true, pushed: true } });
    expect(pushed.find(({ kind }) => kind === "PrometheusRule")?.spec.groups).toEqual(
      groups("otlp-rules/unitwatch-otlp.yml"),
    );
    for (const [folder, suffix, values] of [
      ["dashboards", "", ALL],
      ["otlp-dashboards", "-otlp", { dashboards: { enabled: true, pushed: true } }],
    ] as const) {
      const maps = (await resources(values)).filter(({ kind }) => kind === "ConfigMap");
      expect(maps.map(({ metadata }) => metadata.name)).toEqual([
        `unitwatch-fleet${suffix}`,
        `unitwatch-node${suffix}`,
      ]);
      for (const { data, metadata } of maps) {
        const [[name, text] = ["", ""]] = Object.entries(data ?? {});
        const shipped = await readFile(join(DEPLOY, "grafana", folder, name), "utf8");
        expect(JSON.parse(text)).toEqual(JSON.parse(shipped));
        expect(metadata.labels).toMatchObject({ grafana_dashboard: "1" });
      }
    }
  });

  test.each<[string, Values, RegExp]>([
    ["an unknown value", { flag: {} }, /additional properties 'flag' not allowed/],
    ["an unknown flag", { flags: { "log.levl": "debug" } }, /'log\.levl' not allowed/],
    ["a flag's invalid word", { flags: { "log.level": "loud" } }, /log\.level.*one of 'debug'/s],
    [
      "a flag that the chart sets",
      { flags: { "storage.path": "/x" } },
      /'storage\.path' not allowed/,
    ],
    ["a group by name", { engine: { group: "docker" } }, /want integer/],
    ["no rights for socket", { systemd: { transport: "socket" } }, /socket needs hostAccess: true/],
    [
      "no rights for the host",
      { flags: { "systemd.host": "on" } },
      /systemd\.host needs hostAccess/,
    ],
    ["no rights for proc", { flags: { runtime: "proc" } }, /runtime: proc needs hostAccess/],
  ])("rejects %s", async (_, values, problem) => {
    await expect(rendered(values)).rejects.toThrow(problem);
  });

  test("is packed with all its files, and installed from the archive", async () => {
    await execa(helm, ["package", CHART, "--destination", folder]);
    const archive = join(folder, `unitwatch-${manifest.version}.tgz`);
    const set = ["--set", "dashboards.enabled=true,prometheusRule.enabled=true"];
    const { stdout } = await execa(helm, [
      "template",
      "x",
      archive,
      "--kube-version",
      "v1.37.2",
      ...set,
    ]);
    expect(stdout).toContain("name: x-unitwatch-fleet");
    expect(stdout).toContain("alert: ");
  });
});
