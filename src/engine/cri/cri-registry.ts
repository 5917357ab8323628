/**
 * The Container Runtime Interface of containerd and CRI-O: names of a pod's containers, and how they
 * ended. This file is the registry, `cri-client.ts` the connection, `cri-messages.ts` the protobuf.
 *
 * May import domain, platform, engine/format and engine/registry. gRPC is loaded once a socket is there.
 * Requests only ask. Answers are trusted as the host's root is, but bounded.
 */
import { lstat } from "node:fs/promises";
import type { Clock } from "../../domain/clock.ts";
import type {
  CgroupContainer,
  ContainerDescription,
  ContainerEnd,
  ContainerRegistry,
  HostContainer,
} from "../../domain/host-container.ts";
import { isHexId } from "../format/cgroup-path.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";
import { Backoff, ENGINE_BACKOFF } from "../../platform/time/backoff.ts";
import { supervise } from "../../platform/time/supervise.ts";
import { untilEnded } from "../registry/until-ended.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import { podContainerOf, podNames } from "../registry/pod.ts";
import type { CriClient } from "./cri-client.ts";
import type { CriStatus, CriVersion } from "./cri-messages.ts";

/** Sockets by runtime; the first that exists is used. */
export const CRI_SOCKETS = [
  "/run/containerd/containerd.sock",
  "/run/k3s/containerd/containerd.sock",
  "/var/snap/microk8s/common/run/containerd.sock",
  "/run/crio/crio.sock",
] as const;
/** Ends that events have reported and that are kept. */
const MAX_ENDS = 4_096;
/** Between two looks at a container that is about to start. */
const CREATED_PAUSE_MS = 50;

export interface CriOptions {
  readonly clock: Clock;
  readonly sockets?: readonly string[];
}

/** Opens the registry. It connects when `run` is called, or for the first container. */
export function criRegistry({ clock, sockets = CRI_SOCKETS }: CriOptions): ContainerRegistry {
  return new CriRegistry(clock, sockets);
}

class CriRegistry implements ContainerRegistry {
  readonly name = "cri";
  readonly #clock: Clock;
  readonly #sockets: readonly string[];
  #opened: Promise<CriClient | undefined> | undefined;
  /** Resolves when there is a socket: the first container that the runtime can know looks for it. */
  readonly #appeared = Promise.withResolvers<void>();
  /** Ends by container id. */
  readonly #ends = new BoundedMap<string, ContainerEnd>(MAX_ENDS);

  constructor(clock: Clock, sockets: readonly string[]) {
    this.#clock = clock;
    this.#sockets = sockets;
  }

  concerns({ id, runtime }: CgroupContainer): boolean {
    return isHexId(id) && (runtime === "containerd" || runtime === "cri-o");
  }

  async describe(
    { id, pid, runtime }: HostContainer,
    signal: AbortSignal,
  ): Promise<ContainerDescription | undefined> {
    const client = await this.#client();
    if (client === undefined) return undefined;
    let answer = await client.container(id, signal).catch(() => undefined);
    // A process waits to become PID 1 before the container has started.
    while (answer?.status?.state === "created" && !signal.aborted) {
      await this.#clock.sleep(CREATED_PAUSE_MS, signal).catch(() => {});
      answer = await client.container(id, signal).catch(() => undefined);
    }
    if (answer !== undefined) {
      // The id is the cgroup's, which a container may be able to rename.
      return answer.pid === pid && answer.status !== undefined
        ? describeContainer(answer.status, runtime)
        : undefined;
    }
    const sandbox = await client.sandbox(id, signal).catch(() => undefined);
    if (sandbox?.pid !== pid) return undefined;
    return { name: id, image: "", labels: new Map(), runtime, isHidden: true };
  }

  async end(
    { id, startedAtNs }: HostContainer,
    signal: AbortSignal,
  ): Promise<ContainerEnd | undefined> {
    const client = await this.#client();
    if (client === undefined) return undefined;
    return await untilEnded({ clock: this.#clock, signal }, async () => {
      const known = this.#ends.get(id);
      if (known !== undefined) return known;
      const answer = await client.container(id, signal).catch(() => undefined);
      // A container that is removed at once has no status any more.
      if (answer?.status === undefined) return this.#ends.get(id) ?? "unknown";
      const end = endOf(answer.status);
      return end !== undefined && end.finishedAtNs >= startedAtNs ? end : undefined;
    });
  }

  async run(changed: (id: string) => void, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(ENGINE_BACKOFF);
    await supervise((attempt) => this.#follow(changed, { signal: attempt, backoff }), {
      signal,
      clock: this.#clock,
      backoff,
      ended: () => {},
    });
    const client = await this.#opened;
    client?.[Symbol.dispose]();
    this.#opened = undefined;
  }

  async #follow(
    changed: (id: string) => void,
    { signal, backoff }: { readonly signal: AbortSignal; readonly backoff: Backoff },
  ): Promise<void> {
    const client = await this.#client();
    if (client === undefined) {
      await untilAborted(this.#appeared.promise, signal);
      return;
    }
    const version = await client.version(signal);
    backoff.reset();
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    const followed = sharesEvents(version)
      ? client.events(({ id, type, statuses }) => {
          for (const status of statuses) this.#remember(status);
          if (type === "started") changed(id);
        }, signal)
      : aborted;
    const listed = client.containers(signal).then((ids) => ids.forEach(changed));
    await Promise.all([followed, listed]);
  }

  #remember(status: CriStatus): void {
    const end = endOf(status);
    if (end !== undefined && !this.#ends.has(status.id)) this.#ends.set(status.id, end);
  }

  async #client(): Promise<CriClient | undefined> {
    this.#opened ??= this.#open();
    const client = await this.#opened;
    if (client === undefined) this.#opened = undefined;
    return client;
  }

  async #open(): Promise<CriClient | undefined> {
    for (const socket of this.#sockets) {
      const stats = await lstat(socket).catch(() => undefined);
      if (stats?.isSocket() !== true) continue;
      // It costs as much memory as a hundred containers: it is loaded only when used.
      const { CriClient } = await import("./cri-client.ts");
      this.#appeared.resolve();
      return new CriClient(socket);
    }
    return undefined;
  }
}

/**
 * Returns whether the runtime sends each event to every client. containerd 1.7 and CRI-O give each event
 * to one of them: a second client would take events from kubelet. containerd 1.6 has none.
 */
export function sharesEvents({ runtime, version }: CriVersion): boolean {
  const [, major] = /^v?(\d{1,4})\./.exec(version) ?? [];
  return runtime === "containerd" && Number(major) >= 2;
}

function describeContainer(status: CriStatus, runtime: string): ContainerDescription {
  const pod = podContainerOf(status.labels);
  return {
    name: status.id,
    ...(pod !== undefined && podNames(pod)),
    image: status.image,
    labels: status.labels,
    runtime,
  };
}

function endOf({ state, exitCode, finishedAtNs, reason }: CriStatus): ContainerEnd | undefined {
  if (state !== "exited") return undefined;
  return { exitCode, finishedAtNs, isOutOfMemory: reason === "OOMKilled" };
}
