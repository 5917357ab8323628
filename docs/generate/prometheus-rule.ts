import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const RULES = join(import.meta.dirname, "../../deploy/prometheus/rules/unitwatch.yml");

/** Returns the PrometheusRule that has the rules of deploy/prometheus. */
export function prometheusRule(): object {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "unitwatch", labels: { "app.kubernetes.io/name": "unitwatch" } },
    spec: parse(readFileSync(RULES, "utf8")) as object,
  };
}
