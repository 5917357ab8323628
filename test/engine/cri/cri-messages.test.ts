import { expect, test } from "@jest/globals";
import {
  decodeContainerIds,
  decodeEvent,
  decodeStatusResponse,
  decodeVersion,
  encodeStatusRequest,
} from "../../../src/engine/cri/cri-messages.ts";
import { ProtobufError } from "../../../src/platform/data/protobuf-reader.ts";
import { recordedCri } from "../../support/recorded-cri.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "base64");

test.each(["1.6", "2.1"] as const)("reads statuses when they are of containerd %s", (version) => {
  const recorded = recordedCri(version);
  const { status, pid } = decodeStatusResponse(bytes(recorded.outOfMemory));
  expect(status).toMatchObject({
    id: recorded.ids.oom,
    name: "oom",
    attempt: 3,
    state: "exited",
    exitCode: 137,
    image: "docker.io/local/node:1",
    reason: "OOMKilled",
  });
  expect(status?.labels.get("io.kubernetes.pod.namespace")).toBe("shop");
  expect(status?.finishedAtNs).toBeGreaterThan(status?.startedAtNs ?? 0n);
  // The process has ended.
  expect(pid).toBe(0);

  const running = decodeStatusResponse(bytes(recorded.running));
  expect(running.status).toMatchObject({
    id: recorded.ids.run,
    state: "running",
    finishedAtNs: 0n,
  });
  expect(running.pid).toBeGreaterThan(1);
  expect(decodeStatusResponse(bytes(recorded.sandbox)).pid).toBeGreaterThan(1);
  expect(new Set(decodeContainerIds(bytes(recorded.list)))).toEqual(
    new Set([recorded.ids.run, recorded.ids.oom]),
  );
  expect(decodeVersion(bytes(recorded.version)).runtime).toBe("containerd");
});

test("reads events of a pod's life when they are of containerd 2.1", () => {
  const { events, ids } = recordedCri("2.1");
  const named = new Map(Object.entries(ids).map(([name, id]) => [id, name]));
  const read = events.map((event) => decodeEvent(bytes(event)));
  const texts = read.map(({ id, type }) => `${named.get(id)} ${type}`);
  expect(texts.slice(0, 7)).toEqual([
    "pod created",
    "pod started",
    "run created",
    "run started",
    "oom created",
    "oom started",
    "oom stopped",
  ]);
  expect(texts.slice(7).toSorted()).toEqual([
    "oom deleted",
    "pod deleted",
    "pod stopped",
    "run deleted",
    "run stopped",
  ]);
  const stopped = read.find(({ id, type }) => id === ids.oom && type === "stopped");
  expect(stopped?.statuses.find(({ id }) => id === ids.oom)).toMatchObject({
    exitCode: 137,
    reason: "OOMKilled",
  });
});

test("encodes an id and verbose", () => {
  expect(encodeStatusRequest("ab", true).toString("hex")).toBe("0a0261621001");
  expect(encodeStatusRequest("ab", false).toString("hex")).toBe("0a026162");
  expect(() => encodeStatusRequest("a".repeat(128), true)).toThrow("an id of 128 bytes");
});

test("reads a negative exit code and Go's zero time when a message has them", () => {
  const exitCode = "38ffffffffffffffffff01";
  const finishedAt = "308080b0a9f2e9cdd8a101";
  const body = `${exitCode}${finishedAt}`;
  const message = `0a${(body.length / 2).toString(16).padStart(2, "0")}${body}`;
  const { status } = decodeStatusResponse(Buffer.from(message, "hex"));
  expect(status).toMatchObject({ exitCode: -1, finishedAtNs: 0n });
});

test("rejects with ProtobufError alone when bytes are changed", () => {
  const random = seededRandom(7);
  const { events, outOfMemory, list } = recordedCri("2.1");
  const decoders: readonly (readonly [string, (message: Buffer) => unknown])[] = [
    ...events.map((event) => [event, decodeEvent] as const),
    [outOfMemory, decodeStatusResponse],
    [list, decodeContainerIds],
  ];
  const others = new Set<unknown>();
  for (const [text, decode] of decoders) {
    for (let round = 0; round < 200; round += 1) {
      const message = bytes(text);
      message[random(message.length)] = random(256);
      try {
        decode(message.subarray(0, random(message.length + 1)));
      } catch (error) {
        if (!(error instanceof ProtobufError)) others.add(error);
      }
    }
  }
  expect([...others]).toEqual([]);
});
