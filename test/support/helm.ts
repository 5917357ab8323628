import type { GoProgram } from "./go-program.ts";

export const HELM: GoProgram = { path: "helm.sh/helm/v3/cmd/helm", version: "v3.22.0" };
