import type { ContainerIdentity } from "../../domain/container.ts";

/** Longest label value that is shown; what is longer is cut, so that no label can fill the memory. */
const MAX_LABEL_CHARS = 256;

/** Cluster label by tool, in the order of trust; sind and Compose also tell the node's name. */
const CLUSTER_LABELS = ["io.x-k8s.kind.cluster", "name.minikube.sigs.k8s.io"] as const;

/** sind's realm where none was chosen. */
const DEFAULT_SIND_REALM = "sind";

export interface IdentityFacts {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly label: (key: string) => string | undefined;
}

/**
 * Makes the function that tells who a container is by its labels: sind, kind, minikube, Compose, in
 * this order; else the cluster is empty, and the node is the container's name.
 *
 * @param namePrefix stripped from the name to give the node name, in place of what labels tell
 * @param runtime tells the engine's name
 */
export function identifier(
  namePrefix: string | undefined,
  runtime: () => string,
): (facts: IdentityFacts) => ContainerIdentity {
  return (facts) => {
    const { cluster, node } = placeOf(facts);
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

function placeOf(facts: IdentityFacts): { cluster: string; node: string } {
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

/** The name without the prefix; the whole name where it hasn't that prefix, or is nothing else. */
function strip(name: string, prefix: string): string {
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : name;
}

function bounded(text: string): string {
  return text.slice(0, MAX_LABEL_CHARS).toWellFormed();
}
