import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Framer } from "../../src/systemd/dbus/framer.ts";
import { decodeMessage } from "../../src/systemd/dbus/header.ts";
import { parseBusctlSignal } from "../../src/systemd/format/busctl-line.ts";
import { PropertyReader } from "../../src/systemd/format/dbus-signals.ts";
import { parseDockerEvent } from "../../src/engine/format/docker-event-line.ts";
import { serviceSignalOf, unitSignalOf } from "../../src/systemd/format/unit-signals.ts";
import { splitFrames } from "../systemd/dbus/support/frames.ts";
import { row, type Section } from "./section.ts";

const ROUND_MS = 300;
const ROUNDS = 5;

/** Parsing of bytes into messages, and JSON.parse alone on the same lines for comparison. */
export const section: Section = {
  name: "parse",
  async run() {
    const stream = propertySignals();
    const signals = splitFrames(stream).length;
    const busctl = linesOf("busctl/monitor.jsonl").filter((line) =>
      line.includes('"member":"PropertiesChanged"'),
    );
    const docker = linesOf("docker/events.jsonl");
    const reader = new PropertyReader(() => undefined);
    const readStream = (): void => {
      new Framer().push(stream, (frame) => {
        const message = decodeMessage(frame);
        if (message !== undefined) reader.read(message, 1_700_000_000_000_000_000n);
      });
    };
    const readBusctl = (): void => {
      for (const line of busctl) {
        const signal = parseBusctlSignal(line);
        if (typeof signal !== "object") continue;
        unitSignalOf(signal);
        serviceSignalOf(signal);
      }
    };
    const jsonOf = (lines: readonly string[]) => (): void => {
      for (const line of lines) JSON.parse(line);
    };
    const readDocker = (): void => {
      for (const line of docker) parseDockerEvent(line);
    };
    return [
      row("D-Bus signals", rate(readStream, signals), "/s"),
      row("busctl lines", rate(readBusctl, busctl.length), "/s"),
      row("busctl lines, JSON.parse alone", rate(jsonOf(busctl), busctl.length), "/s"),
      row("docker event lines", rate(readDocker, docker.length), "/s"),
      row("docker event lines, JSON.parse alone", rate(jsonOf(docker), docker.length), "/s"),
    ];
  },
};

/** Returns items per second of the best round, because disturbances only slow a round down. */
function rate(run: () => void, items: number): number {
  let best = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    let times = 0;
    while (performance.now() - begin < ROUND_MS) {
      run();
      times += 1;
    }
    best = Math.max(best, (times * items) / ((performance.now() - begin) / 1_000));
  }
  return best;
}

function fixture(path: string): Buffer {
  return readFileSync(join(import.meta.dirname, "../fixtures", path));
}

function linesOf(path: string): string[] {
  return fixture(path).toString().trim().split("\n");
}

/** Returns the recorded signals of units and services as one stream. */
function propertySignals(): Buffer {
  const frames = splitFrames(gunzipSync(fixture("dbus/systemd-252.bin.gz")));
  return Buffer.concat(frames.filter((frame) => frame.includes("PropertiesChanged\0")));
}
