import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { AuthClient } from "../../../src/systemd/dbus/auth.ts";
import { DBusConnection } from "../../../src/systemd/dbus/connection.ts";
import { DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { Framer } from "../../../src/systemd/dbus/framer.ts";
import { decodeMessage, type Frame } from "../../../src/systemd/dbus/header.ts";
import { FakePeer, guid, settled } from "./support/fake-peer.ts";
import { messageOf, recordedFrames, recordings } from "./support/frames.ts";
import { mutate, Random } from "./support/mutate.ts";
import { decodedByOracle, decodedByUs } from "./support/oracle.ts";
import { slowMs } from "../../support/slowness.ts";

/** `UNITWATCH_FUZZ_MESSAGES`. */
const frameCount = Number(process.env["UNITWATCH_FUZZ_MESSAGES"] ?? 40_000);
const maxFrameMs = 50;

// The errors' stacks would take as long as all the rest.
const { stackTraceLimit } = Error;
beforeEach(() => void (Error.stackTraceLimit = 1));
afterEach(() => void (Error.stackTraceLimit = stackTraceLimit));

/** One recorded message of each kind and size, and those with all types; the largest left out. */
function seedFrames(): Buffer[] {
  const seeds = new Map<string, Buffer>();
  for (const frame of recordings.flatMap(recordedFrames)) {
    const { type, member, signature } = messageOf(frame);
    const size = Math.floor(frame.length / 2048);
    if (size < 4) seeds.set(`${frame[0]}${type}${member}${signature}${size}`, frame);
  }
  return [...seeds.values()];
}

type Outcome = "no frame" | "bad frame" | "bad header" | "ignored" | "bad body" | "read";

/** Takes bytes the whole way: framing, header, body in full and in passing. */
function take(bytes: Buffer): Outcome {
  let outcome: Outcome = "no frame";
  const onFrame = (frame: Frame) => {
    outcome = "bad header";
    const message = decodeMessage(frame);
    outcome = "ignored";
    if (message === undefined) return;
    outcome = "bad body";
    message.read(message.signature, (reader) => reader.skip(message.signature));
    message.body();
    outcome = "read";
  };
  try {
    new Framer().push(bytes, onFrame);
    return outcome;
  } catch (error) {
    if (!(error instanceof DBusProtocolError)) throw error;
    return outcome === "no frame" ? "bad frame" : outcome;
  }
}

/** Returns the CPU time of this thread in ms, which other processes and a pause don't change. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Returns the CPU time that decoding takes, without that of a garbage collection: the least of five. */
function takenMs(bytes: Buffer): number {
  let leastMs = Infinity;
  for (let i = 0; i < 5 && leastMs > maxFrameMs; i += 1) {
    const before = cpuMs();
    take(bytes);
    leastMs = Math.min(leastMs, cpuMs() - before);
  }
  return leastMs;
}

test(
  "throws only protocol errors for mutated messages, in bounded time",
  () => {
    const random = new Random(20_240_811);
    const seeds = seedFrames();
    expect(seeds.length).toBeGreaterThan(15);
    const outcomes: Partial<Record<Outcome, number>> = {};
    for (let i = 0; i < frameCount; i += 1) {
      const bytes = mutate(random, seeds);
      const before = cpuMs();
      const outcome = take(bytes);
      if (cpuMs() - before > maxFrameMs && takenMs(bytes) > maxFrameMs) {
        throw new Error(`message ${i} takes over ${maxFrameMs} ms: ${bytes.toString("hex")}`);
      }
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    // That each way of failing is met often says that the mutations reach everywhere.
    for (const outcome of ["no frame", "bad frame", "bad header", "bad body", "read"] as const) {
      expect([outcome, (outcomes[outcome] ?? 0) > frameCount / 100]).toEqual([outcome, true]);
    }
  },
  slowMs(120_000) + frameCount,
);

test(
  "decodes accepted mutated messages as dbus-native does",
  () => {
    const random = new Random(7);
    const seeds = seedFrames();
    let compared = 0;
    for (let i = 0; i < 20_000; i += 1) {
      const bytes = mutate(random, seeds);
      if (take(bytes) !== "read") continue;
      new Framer().push(bytes, ({ end }) => {
        const frame = bytes.subarray(0, end);
        const ours = decodedByUs(messageOf(frame));
        const theirs = decodedByOracle(frame);
        if (!isDeepStrictEqual(ours, theirs)) expect(ours).toEqual(theirs);
        compared += 1;
      });
    }
    expect(compared).toBeGreaterThan(500);
  },
  slowMs(120_000),
);

test(
  "ends a connection by its error path alone when messages are mutated",
  async () => {
    const random = new Random(99);
    const seeds = seedFrames();
    for (let i = 0; i < 1000; i += 1) {
      const peer = new FakePeer();
      const connecting = DBusConnection.connect(peer, {
        hello: false,
        onSignal: (message) => void message.body(),
      });
      peer.say(`OK ${guid}\r\n`);
      const connection = await connecting;
      peer.say(mutate(random, seeds), mutate(random, seeds), mutate(random, seeds));
      peer.end();
      const error = await connection.closed;
      expect(error).toBeInstanceOf(DBusProtocolError);
      expect(["malformed", "limit", "eof"]).toContain(error!.code);
    }
    await settled();
  },
  slowMs(60_000),
);

test("accepts or rejects mutated answers to AUTH", () => {
  const random = new Random(5);
  const seeds = ["DATA\r\n", `OK ${guid}\r\n`, `DATA 00\r\nOK ${guid}\r\n`, "REJECTED A B\r\n"];
  const bytes = seeds.map((seed) => Buffer.from(seed));
  let refused = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const auth = new AuthClient();
    try {
      for (let chunk = 0; chunk < 3; chunk += 1) auth.push(mutate(random, bytes));
    } catch (error) {
      if (!(error instanceof DBusProtocolError)) throw error;
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});
