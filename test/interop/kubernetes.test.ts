import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { goProgram } from "../support/go-program.ts";
import { HELM } from "../support/helm.ts";
import { operatorDefinitions } from "../support/kubernetes-schemas.ts";
import { slowMs } from "../support/slowness.ts";
import { KubernetesApi } from "./kubernetes.ts";

// The build of the API server takes this long on two slow processors, the first time.
const BUILD_MS = 2_400_000;
const DEPLOY = join(import.meta.dirname, "../../deploy");
const CHART = join(DEPLOY, "helm/unitwatch");
const DRY = ["apply", "--server-side", "--dry-run=server", "--validate=strict"];

jest.setTimeout(slowMs(120_000));

describe("the API server of Kubernetes", () => {
  const stack = new AsyncDisposableStack();
  let api: KubernetesApi;
  let helm: string;
  let folder: string;

  beforeAll(async () => {
    helm = await goProgram(HELM);
    folder = await mkdtemp(join(tmpdir(), "unitwatch-kubernetes-"));
    stack.defer(() => rm(folder, { recursive: true }));
    api = stack.use(await KubernetesApi.start());
    for (const definition of await operatorDefinitions()) {
      await succeeds(["apply", "--server-side", "--filename=-"], definition);
    }
    const crds = ["podmonitors", "prometheusrules"].map((name) => `crd/${name}.${GROUP}`);
    await succeeds(["wait", "--for=condition=Established", "--timeout=60s", ...crds]);
    await succeeds(["create", "namespace", "unitwatch"]);
  }, BUILD_MS);
  afterAll(() => stack.disposeAsync());

  /** Runs kubectl; returns its lines on stdout, and its warnings. */
  const succeeds = async (args: readonly string[], input?: string) => {
    const { exitCode, stdout, stderr } = await api.kubectl(args, input);
    expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
    return { lines: stdout.split("\n"), warnings: stderr };
  };

  test.each(["base", "socket", "proc", "prometheus-operator"])(
    "accepts deploy/kubernetes/%s without a warning",
    async (overlay) => {
      const { lines, warnings } = await succeeds([
        ...DRY,
        `--kustomize=${join(DEPLOY, "kubernetes", overlay)}`,
      ]);
      expect(warnings).toBe("");
      expect(lines).toContain("daemonset.apps/unitwatch serverside-applied (server dry run)");
      expect(lines.length).toBe(overlay === "prometheus-operator" ? 6 : 4);
    },
  );

  test("rejects a field that it doesn't know", async () => {
    const { stdout } = await api.kubectl(["kustomize", join(DEPLOY, "kubernetes/base")]);
    const wrong = stdout.replace("automountServiceAccountToken", "automountToken");
    const { exitCode, stderr } = await api.kubectl([...DRY, "--filename=-"], wrong);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("automountToken");
  });

  const withValues = async (values: object): Promise<readonly string[]> => {
    const file = join(folder, "values.json");
    await writeFile(file, JSON.stringify(values));
    const place = ["--namespace=unitwatch", `--kubeconfig=${api.kubeconfig}`, `--values=${file}`];
    const { stdout } = await execa(helm, ["upgrade", "--install", "unitwatch", CHART, ...place]);
    expect(stdout).toContain("STATUS: deployed");
    const shown = await succeeds(SHOWN);
    return shown.lines;
  };

  test("installs, upgrades and uninstalls the chart", async () => {
    expect(await withValues({ engine: { group: 999 } })).toEqual(["daemonset.apps/unitwatch"]);
    const all = { podMonitor: true, prometheusRule: true, dashboards: true };
    const values = Object.entries(all).map(([name, enabled]) => [name, { enabled }]);
    expect(
      await withValues({
        ...Object.fromEntries(values),
        hostAccess: true,
        flags: { runtime: "proc", "systemd.host": "on" },
      }),
    ).toEqual([
      "daemonset.apps/unitwatch",
      `podmonitor.${GROUP}/unitwatch`,
      `prometheusrule.${GROUP}/unitwatch`,
      "configmap/unitwatch-fleet",
      "configmap/unitwatch-node",
    ]);
    const place = ["--namespace=unitwatch", `--kubeconfig=${api.kubeconfig}`];
    await execa(helm, ["uninstall", "unitwatch", ...place]);
    expect((await succeeds(SHOWN)).lines).toEqual([""]);
  });
});

const GROUP = "monitoring.coreos.com";
const SHOWN = [
  "get",
  "daemonsets,podmonitors,prometheusrules,configmaps",
  "--selector=app.kubernetes.io/name=unitwatch",
  "--namespace=unitwatch",
  "--output=name",
];
