import type { ContainerDescription } from "../../domain/host-container.ts";

/** A container of Kubernetes. */
export interface PodContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Returns the container by the labels that kubelet sets; undefined without them. */
export function podContainerOf(labels: ReadonlyMap<string, string>): PodContainer | undefined {
  const namespace = labels.get("io.kubernetes.pod.namespace") ?? "";
  const pod = labels.get("io.kubernetes.pod.name") ?? "";
  const container = labels.get("io.kubernetes.container.name") ?? "";
  return namespace === "" || pod === "" || container === ""
    ? undefined
    : { namespace, pod, container };
}

/**
 * Returns the names of a pod's container: `NAMESPACE/POD/CONTAINER`, which stays through restarts, node
 * `POD/CONTAINER`, cluster NAMESPACE.
 */
export function podNames({
  namespace,
  pod,
  container,
}: PodContainer): Pick<ContainerDescription, "name" | "node" | "cluster"> {
  return {
    name: `${namespace}/${pod}/${container}`,
    node: `${pod}/${container}`,
    cluster: namespace,
  };
}
