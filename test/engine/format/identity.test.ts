import { expect, test } from "@jest/globals";
import type { ContainerIdentity } from "../../../src/domain/container.ts";
import { identifier } from "../../../src/engine/format/identity.ts";

/** Returns the identity of a container with this name and these labels. */
function identify(
  name: string,
  labels: Readonly<Record<string, string>>,
  namePrefix?: string,
): ContainerIdentity {
  const identity = identifier(namePrefix, () => "docker");
  const byKey = new Map(Object.entries(labels));
  return identity({ id: "i", name, image: "debian", label: (key) => byKey.get(key) });
}

const SIND = { "sind.realm": "lab", "sind.cluster": "dev" };
const KIND = { "io.x-k8s.kind.cluster": "kind-1" };
const MINIKUBE = { "name.minikube.sigs.k8s.io": "mini" };
const COMPOSE = {
  "com.docker.compose.project": "shop",
  "com.docker.compose.service": "web",
  "com.docker.compose.container-number": "2",
};

test.each([
  ["sind", "lab-dev-worker-0", SIND, "dev", "worker-0"],
  ["sind without a realm", "sind-dev-controller", { "sind.cluster": "dev" }, "dev", "controller"],
  ["sind under another name", "renamed", SIND, "dev", "renamed"],
  ["sind of another realm", "sind-dev-worker-0", SIND, "dev", "sind-dev-worker-0"],
  ["sind with nothing but the prefix", "lab-dev-", SIND, "dev", "lab-dev-"],
  ["kind", "kind-1-control-plane", KIND, "kind-1", "kind-1-control-plane"],
  ["minikube", "mini-m02", MINIKUBE, "mini", "mini-m02"],
  ["Compose", "shop-web-2", COMPOSE, "shop", "web-2"],
  [
    "Compose without a number",
    "x",
    { ...COMPOSE, "com.docker.compose.container-number": "" },
    "shop",
    "x",
  ],
  ["Compose without a service", "x", { "com.docker.compose.project": "shop" }, "shop", "x"],
  ["none", "web", {}, "", "web"],
  ["an empty label", "web", { "sind.cluster": "", "io.x-k8s.kind.cluster": "" }, "", "web"],
  ["a realm alone", "sind-x-web", { "sind.realm": "sind" }, "", "sind-x-web"],
])("reads for %s the cluster and node of %s", (_tool, name, labels, cluster, node) => {
  expect(identify(name, labels)).toEqual({
    id: "i",
    name,
    image: "debian",
    runtime: "docker",
    cluster,
    node,
  });
});

test("prefers sind to kind, kind to minikube, minikube to Compose", () => {
  const all = { ...COMPOSE, ...MINIKUBE, ...KIND, ...SIND };
  expect(identify("lab-dev-a", all)).toMatchObject({ cluster: "dev", node: "a" });
  expect(identify("n", { ...COMPOSE, ...MINIKUBE, ...KIND })).toMatchObject({
    cluster: "kind-1",
    node: "n",
  });
  expect(identify("n", { ...COMPOSE, ...MINIKUBE })).toMatchObject({ cluster: "mini", node: "n" });
});

test("prefers a configured prefix to the labels, for the node alone", () => {
  expect(identify("lab-dev-worker-0", SIND, "lab-")).toMatchObject({
    cluster: "dev",
    node: "dev-worker-0",
  });
  expect(identify("shop-web-2", COMPOSE, "shop-")).toMatchObject({
    cluster: "shop",
    node: "web-2",
  });
  expect(identify("web", {}, "we")).toMatchObject({ cluster: "", node: "b" });
});

test("strips nothing when the prefix doesn't fit, is the whole name, or is empty", () => {
  for (const prefix of ["other-", "lab-dev-worker-0", ""]) {
    expect(identify("lab-dev-worker-0", SIND, prefix).node).toBe("lab-dev-worker-0");
  }
});

test("cuts long label values and images, and replaces half characters", () => {
  const long = "x".repeat(100_000);
  const identity = identifier(
    undefined,
    () => "podman",
  )({
    id: "i",
    name: "n",
    image: `${long}\uD800`,
    label: (key) => (key === "io.x-k8s.kind.cluster" ? `${"y".repeat(255)}\u{1F40E}` : undefined),
  });
  expect(identity.image).toHaveLength(256);
  expect(identity.cluster).toBe(`${"y".repeat(255)}\uFFFD`);
  expect(identity.runtime).toBe("podman");
});

test.each(["__proto__", "constructor"])("accepts %s as a name", (name) => {
  expect(identify(name, { "sind.cluster": name, "sind.realm": name })).toMatchObject({
    name,
    node: name,
    cluster: name,
  });
});
