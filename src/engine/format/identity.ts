import type { ContainerIdentity } from "../../domain/container.ts";

/** Longest label value that is kept; a longer one is cut to bound memory. */
const MAX_LABEL_CHARS = 256;

/** Cluster labels by precedence; sind and Compose have the node's name too. */
const CLUSTER_LABELS = ["io.x-k8s.kind.cluster", "name.minikube.sigs.k8s.io"] as const;

/** sind's default realm. */
const DEFAULT_SIND_REALM = "sind";

export interface IdentityFacts {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly label: (key: string) => string | undefined;
}

/**
 * Returns the function that reads a container's cluster and node from its labels: sind, kind,
 * minikube, Compose, in this order; else the cluster is empty, and the node is the container's name.
 *
 * @param namePrefix prefix to strip from the name for the node name, in place of the labels
 * @param runtime returns the engine's name
 */
export function identifier(
  namePrefix: string | undefined,
  runtime: () => string,
): (facts: IdentityFacts) => ContainerIdentity {
  return (facts) => {
    const { cluster, node } = clusterAndNode(facts);
    return {
      id: facts.id,
      name: facts.name,
      image: bounded(facts.image),
      runtime: runtime(),
      cluster,
      node: namePrefix === undefined ? node : strip(facts.name, namePrefix),
    };
  };
}

function clusterAndNode(facts: IdentityFacts): { cluster: string; node: string } {
  const label = (key: string): string => bounded(facts.label(key) ?? "");
  const sind = label("sind.cluster");
  if (sind !== "") {
    const realm = label("sind.realm") || DEFAULT_SIND_REALM;
    return { cluster: sind, node: strip(facts.name, `${realm}-${sind}-`) };
  }
  for (const key of CLUSTER_LABELS) {
    const cluster = label(key);
    if (cluster !== "") return { cluster, node: facts.name };
  }
  const project = label("com.docker.compose.project");
  if (project !== "") {
    const service = label("com.docker.compose.service");
    const number = label("com.docker.compose.container-number");
    const node = service === "" || number === "" ? facts.name : `${service}-${number}`;
    return { cluster: project, node };
  }
  return { cluster: "", node: facts.name };
}

/** Strips the prefix from a name that has it and more. */
function strip(name: string, prefix: string): string {
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : name;
}

function bounded(text: string): string {
  return text.slice(0, MAX_LABEL_CHARS).toWellFormed();
}
