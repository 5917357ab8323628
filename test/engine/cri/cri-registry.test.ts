import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { ContainerRegistry, HostContainer } from "../../../src/domain/host-container.ts";
import { decodeStatusResponse } from "../../../src/engine/cri/cri-messages.ts";
import { criRegistry, sharesEvents } from "../../../src/engine/cri/cri-registry.ts";
import { systemClock } from "../../../src/platform/time/clock.ts";
import { type CriServer, criServer } from "../../support/cri-server.ts";
import { recordedCri } from "../../support/recorded-cri.ts";

const recorded = recordedCri("2.1");
const { ids } = recorded;
const bytes = (text: string): Buffer => Buffer.from(text, "base64");
const pidOf = (text: string): number => decodeStatusResponse(bytes(text)).pid ?? 0;

let stack: AsyncDisposableStack;
let socket = "";
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  socket = join(dir, "cri.sock");
});
afterEach(() => stack.disposeAsync());

async function serve(version = recorded.version): Promise<CriServer> {
  const statuses: ReadonlyMap<string, string> = new Map([
    [ids.run, recorded.running],
    [ids.oom, recorded.outOfMemory],
  ]);
  const found = (text: string | undefined): Buffer | { readonly code: number } =>
    text === undefined ? { code: status.NOT_FOUND } : bytes(text);
  const server = await criServer(socket, {
    Version: () => bytes(version),
    ListContainers: () => bytes(recorded.list),
    ContainerStatus: (id) => found(statuses.get(id)),
    PodSandboxStatus: (id) => found(id === ids.pod ? recorded.sandbox : undefined),
  });
  return stack.use(server);
}

interface Followed {
  readonly registry: ContainerRegistry;
  /** Resolves when the registry reports a change of this container. */
  readonly changed: (id: string) => Promise<void>;
}

/** Opens the registry and follows it until the test ends. */
function follow(): Followed {
  const registry = criRegistry({ clock: systemClock, sockets: [`${socket}-absent`, socket] });
  const seen = new Set<string>();
  const waiting = new Map<string, () => void>();
  const ending = new AbortController();
  const run = registry.run?.((id) => {
    seen.add(id);
    waiting.get(id)?.();
  }, ending.signal);
  stack.defer(async () => {
    ending.abort();
    await run;
  });
  return {
    registry,
    changed(id) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(id, resolve);
      if (seen.has(id)) resolve();
      return promise;
    },
  };
}

const container = (facts: Partial<HostContainer>): HostContainer => ({
  runtime: "containerd",
  id: ids.run,
  path: `/kubepods/${ids.run}`,
  pid: pidOf(recorded.running),
  startedAtNs: 0n,
  parent: 0,
  isProven: false,
  ...facts,
});
const { signal } = new AbortController();

test("names a pod's container when the runtime gives the same pid", async () => {
  await serve();
  const { registry } = follow();
  expect(await registry.describe(container({}), signal)).toMatchObject({
    name: "shop/web-0/node",
    node: "web-0/node",
    cluster: "shop",
    image: "docker.io/local/node:1",
    runtime: "containerd",
  });
  // A container that gave its cgroup the name of another.
  expect(await registry.describe(container({ pid: 1 }), signal)).toBeUndefined();
  expect(await registry.describe(container({ id: "f".repeat(64) }), signal)).toBeUndefined();
});

test("hides a sandbox when the runtime gives the same pid", async () => {
  await serve();
  const { registry } = follow();
  const sandbox = container({ id: ids.pod, pid: pidOf(recorded.sandbox) });
  expect(await registry.describe(sandbox, signal)).toMatchObject({ isHidden: true });
  expect(await registry.describe(container({ id: ids.pod, pid: 1 }), signal)).toBeUndefined();
});

test("reports changes when it has listed, and when a container starts", async () => {
  const server = await serve();
  const { changed } = follow();
  await Promise.all([changed(ids.run), changed(ids.oom), server.streaming]);
  for (const event of recorded.events) server.send(bytes(event));
  await expect(changed(ids.pod)).resolves.toBeUndefined();
});

test("reports the end when an event came", async () => {
  const server = await serve();
  const { registry, changed } = follow();
  await server.streaming;
  for (const event of recorded.events) server.send(bytes(event));
  await changed(ids.pod);
  const end = registry.end?.(container({ id: ids.oom }), signal);
  expect(await end).toMatchObject({ exitCode: 137, isOutOfMemory: true });
});

test("reports the end when no stream brings events", async () => {
  await serve(recordedCri("1.6").version);
  const { registry } = follow();
  const end = registry.end?.(container({ id: ids.oom }), signal);
  expect(await end).toMatchObject({ exitCode: 137, isOutOfMemory: true });
});

test("reports no end when the container runs until the signal", async () => {
  await serve();
  const { registry } = follow();
  expect(await registry.end?.(container({}), AbortSignal.timeout(120))).toBeUndefined();
});

test("opens no stream of events when the runtime gives each to one client", async () => {
  const server = await serve(recordedCri("1.6").version);
  const { registry, changed } = follow();
  await changed(ids.run);
  expect(await registry.describe(container({}), signal)).toMatchObject({ name: "shop/web-0/node" });
  expect(server.streams).toBe(0);
});

test("connects again when the runtime has restarted", async () => {
  const first = await serve();
  const { registry, changed } = follow();
  await Promise.all([changed(ids.run), first.streaming]);
  await first[Symbol.asyncDispose]();
  expect(await registry.describe(container({}), signal)).toBeUndefined();
  const second = await serve();
  await second.streaming;
  expect(await registry.describe(container({}), signal)).toMatchObject({ name: "shop/web-0/node" });
});

test("follows the runtime when its socket appears and a container looks for it", async () => {
  const { registry } = follow();
  expect(await registry.describe(container({}), signal)).toBeUndefined();
  const server = await serve();
  expect(await registry.describe(container({}), signal)).toMatchObject({ name: "shop/web-0/node" });
  await server.streaming;
});

test("describes nothing when no socket is there", async () => {
  const { registry } = follow();
  expect(await registry.describe(container({}), signal)).toBeUndefined();
  expect(await registry.end?.(container({}), signal)).toBeUndefined();
});

test.each([
  ["containerd", "2.1.9+unknown", true],
  ["containerd", "v2.0.0", true],
  ["containerd", "1.7.24", false],
  ["containerd", "1.6.20~ds1", false],
  ["containerd", "", false],
  ["cri-o", "1.34.0", false],
])("knows for %s %s whether events are shared: %s", (runtime, version, expected) => {
  expect(sharesEvents({ runtime, version })).toBe(expected);
});
