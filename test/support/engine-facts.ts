import type { ContainerDetails, ContainerIdentity } from "../../src/domain/container.ts";
import type { EngineEvent } from "../../src/domain/engine-event.ts";

/** Ids by name: models request them more often than anything else. */
const ids = new Map<string, string>();

/** Returns the id of a container in tests: 64 hex digits made from its name. */
export function idOf(name: string): string {
  let id = ids.get(name);
  if (id === undefined) {
    id = Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64);
    ids.set(name, id);
  }
  return id;
}

/** Returns the identity of a container: a node of the cluster `dev`. */
export function identityOf(name: string, more: Partial<ContainerIdentity> = {}): ContainerIdentity {
  return {
    id: idOf(name),
    name,
    node: name.replace(/^sind-dev-/, ""),
    cluster: "dev",
    image: "debian",
    runtime: "docker",
    ...more,
  };
}

/** Makes an engine event of a container. */
export function engineEvent(
  action: string,
  name: string,
  more: { readonly timeNs?: bigint; readonly id?: string } & Readonly<
    Record<string, string | bigint | undefined>
  > = {},
): EngineEvent {
  const { timeNs = 1_000n, id = idOf(name), ...texts } = more;
  const attributes = new Map<string, string>([
    ["image", "debian"],
    ["name", name],
  ]);
  for (const [key, value] of Object.entries(texts)) attributes.set(key, String(value));
  return { action, id, attributes, timeNs };
}

/** Makes the inspection of a container that runs since it was created. */
export function containerDetails(
  name: string,
  more: Partial<ContainerDetails> = {},
): ContainerDetails {
  return {
    identity: identityOf(name),
    status: "running",
    health: undefined,
    createdAtNs: 400n,
    startedAtNs: 500n,
    finishedAtNs: 0n,
    exitCode: 0,
    oomKilled: false,
    pid: 0,
    restartCount: 0,
    runsSystemd: false,
    ...more,
  };
}
