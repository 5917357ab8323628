/** Nodes of the matrix: systemd's versions, each with the services around it that change the watch. */
import { execa } from "execa";
import type { Engine } from "../support/engine/docker.ts";
import type { Suite } from "../support/engine/images.ts";
import { type NodeVariant, startNode, type TestNode } from "../support/engine/node.ts";
import { suitePackage } from "../support/debian-command.ts";

/** `dbus-broker` is a full node with that bus. */
export type MatrixVariant = NodeVariant | "dbus-broker";

export interface NodePlan {
  readonly suite: Suite;
  readonly variant: MatrixVariant;
}

/** Version of systemd in each suite. */
export const SYSTEMD = {
  bullseye: 247,
  bookworm: 252,
  trixie: 257,
  sid: 262,
} as const satisfies Record<Suite, number>;

export const SUITES = Object.keys(SYSTEMD) as readonly Suite[];

/** Starts a node with the label `sind.cluster`, and waits until it has booted. */
export async function startMatrixNode(
  engine: Engine,
  { suite, variant }: NodePlan,
  options: { readonly cluster: string; readonly args: readonly string[] },
): Promise<TestNode> {
  const node = await startNode(engine, {
    name: `sind-${options.cluster}-${suite}`,
    labels: { "sind.cluster": options.cluster },
    suite,
    variant: variant === "dbus-broker" ? "full" : variant,
    args: options.args,
  });
  if (variant !== "dbus-broker") return node;
  try {
    await useDbusBroker(node, suite);
  } catch (error) {
    await node.remove();
    throw error;
  }
  return node;
}

/** Copies Debian's package into the node, and boots the node again with it as the bus. */
async function useDbusBroker(node: TestNode, suite: Suite): Promise<void> {
  const folder = await suitePackage(suite, "dbus-broker");
  const pack = 'cd "$1" && tar -c *';
  const { stdout } = await execa("sh", ["-c", pack, "sh", folder], { encoding: "buffer" });
  await node.exec(["tar", "-C", "/", "--keep-directory-symlink", "-x"], { input: stdout });
  await node.systemctl("enable", "dbus-broker.service");
  await node.restart();
  await node.ready();
  const bus = await node.systemctl("show", "--property=Id", "--value", "dbus.service");
  if (bus !== "dbus-broker.service") throw new Error(`the bus of ${node.name} is ${bus}`);
}
