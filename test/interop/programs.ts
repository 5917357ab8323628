/**
 * test/interop: the programs behind unitwatch, each built with Go from a pinned version of its own
 * module, into the cache, and run on the loopback interface. `npm run test:interop` runs these tests;
 * CI doesn't: the first run builds for more than an hour, most of it Loki.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { builtOnce, goEnv, goProgram, type GoProgram } from "../support/go-program.ts";

const { env } = process;

/** Other versions, by the variables in docs/contributing/testing.md; of Prometheus also a path. */
const COLLECTOR = env["UNITWATCH_INTEROP_COLLECTOR"] ?? "v0.165.0";
/** Version of the parts of the collector that are stable. */
const COLLECTOR_STABLE = env["UNITWATCH_INTEROP_COLLECTOR_STABLE"] ?? "v1.71.0";

/** Prometheus without service discoveries that the tests don't need; without them it builds faster. */
export const PROMETHEUS: GoProgram = {
  path: "github.com/prometheus/prometheus/cmd/prometheus",
  version: env["UNITWATCH_INTEROP_PROMETHEUS"] ?? "v0.316.0",
  tags: "remove_all_sd",
  // `go install` refuses the go.mod of 3.5, which replaces modules.
  lacks: { module: "github.com/prometheus/prometheus" },
};
export const ALERTMANAGER: GoProgram = {
  path: "github.com/prometheus/alertmanager/cmd/alertmanager",
  version: env["UNITWATCH_INTEROP_ALERTMANAGER"] ?? "v0.35.0",
  lacks: {
    module: "github.com/prometheus/alertmanager",
    files: ["ui/app/dist/elm/index.html", "ui/app/dist/mantine/index.html"],
  },
};

export const LOKI: GoProgram = {
  path: "github.com/grafana/loki/v3/cmd/loki",
  version: env["UNITWATCH_INTEROP_LOKI"] ?? "v3.7.8",
  lacks: { module: "github.com/grafana/loki/v3" },
};

/** Its module replaces those of the API by folders, each a module with a version of the same number. */
const KUBERNETES: Omit<GoProgram, "path"> = {
  version: "v1.37.2",
  lacks: {
    module: "k8s.io/kubernetes",
    replaced: "v0.37.2",
    unneeded: ["k8s.io/sample-cli-plugin", "k8s.io/sample-controller"],
  },
};
/** Its own build sets its version, for which the chart has a condition. */
export const KUBE_APISERVER: GoProgram = {
  ...KUBERNETES,
  path: "k8s.io/kubernetes/cmd/kube-apiserver",
  variables: { "k8s.io/component-base/version.gitVersion": KUBERNETES.version },
};
export const KUBECTL: GoProgram = { ...KUBERNETES, path: "k8s.io/kubernetes/cmd/kubectl" };

/** Modules of the components in deploy/otel-collector/config.yaml, and a storage for its queue. */
const COMPONENTS = {
  receivers: [`go.opentelemetry.io/collector/receiver/otlpreceiver ${COLLECTOR}`],
  processors: [`go.opentelemetry.io/collector/processor/memorylimiterprocessor ${COLLECTOR}`],
  exporters: [`go.opentelemetry.io/collector/exporter/otlphttpexporter ${COLLECTOR}`],
  extensions: [
    `github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage ${COLLECTOR}`,
  ],
  // Without env, which it takes by default for `${NAME}`, it doesn't start.
  providers: [
    `go.opentelemetry.io/collector/confmap/provider/envprovider ${COLLECTOR_STABLE}`,
    `go.opentelemetry.io/collector/confmap/provider/fileprovider ${COLLECTOR_STABLE}`,
    `go.opentelemetry.io/collector/confmap/provider/yamlprovider ${COLLECTOR_STABLE}`,
  ],
};

/** Returns the path of the OpenTelemetry Collector, made by its own builder. */
export function collectorProgram(): Promise<string> {
  const modules = Object.entries(COMPONENTS).map(([kind, each]) => [
    kind,
    each.map((gomod) => ({ gomod })),
  ]);
  const components = stringify(Object.fromEntries(modules));
  const hash = createHash("sha256").update(components).digest("hex").slice(0, 12);
  return builtOnce(`otelcol-${COLLECTOR}-${hash}`, "otelcol", async (folder) => {
    const builder = await goProgram({
      path: "go.opentelemetry.io/collector/cmd/builder",
      version: COLLECTOR,
    });
    const file = join(folder, "builder.yaml");
    const dist = { name: "otelcol", output_path: folder };
    await writeFile(file, stringify({ dist }) + components);
    await execa("nice", [builder, `--config=${file}`], { cwd: folder, env: goEnv() });
  });
}
