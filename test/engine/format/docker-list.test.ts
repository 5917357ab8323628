import { expect, test } from "@jest/globals";
import type { ContainerSummary } from "../../../src/domain/container.ts";
import { parseSummary } from "../../../src/engine/format/docker-list.ts";
import { identifier } from "../../../src/engine/format/identity.ts";

const ID = "0123456789abcdef".repeat(4);
const read = (document: unknown): ContainerSummary | undefined =>
  parseSummary(
    document,
    identifier(undefined, () => "docker"),
  );

const SIND = { "sind.cluster": "dev", "sind.realm": "r" };

test.each([
  ["the API", { Names: ["/other/alias", "/r-dev-node"], Labels: SIND }],
  ["the command", { Names: "r-dev-node,other/alias", Labels: "sind.realm=r,x,sind.cluster=dev" }],
  ["podman's command", { Names: "r-dev-node", Labels: SIND }],
])("reads a container in the form of %s", (_who, named) => {
  expect(read({ Id: ID, Image: "debian", State: "paused", ...named })).toEqual({
    identity: {
      id: ID,
      name: "r-dev-node",
      node: "node",
      cluster: "dev",
      image: "debian",
      runtime: "docker",
    },
    status: "paused",
  });
});

test("fills in absent names and unknown statuses", () => {
  const named = { name: "0123456789ab", node: "0123456789ab", cluster: "", image: "" };
  for (const odd of [{}, { Names: null, State: "melting", Labels: 7 }, { Names: [7, ""] }]) {
    expect(read({ Id: ID, ...odd })).toMatchObject({ identity: named, status: "created" });
  }
});

test.each([undefined, null, 7, [], {}, { Id: 7 }, { Id: "-f" }])(
  "returns undefined for %j",
  (document) => {
    expect(read(document)).toBeUndefined();
  },
);

test("knows podman's own statuses", () => {
  expect(read({ Id: ID, State: "stopping" })?.status).toBe("running");
});
