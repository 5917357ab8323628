import { expect, test } from "@jest/globals";
import { readiness } from "../../src/app/readiness.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";

const HOST = {
  id: "1",
  name: "h",
  node: "h",
  cluster: "",
  image: "",
  runtime: "",
  isHost: true,
} as const;

test("is ready once containers are listed, and stays so", () => {
  const engine = { listed: false, sinceNs: 0n };
  const isReady = readiness({ engine }, recordedFleet().fleet);
  expect(isReady()).toBe(false);
  engine.sinceNs = 1n;
  expect(isReady()).toBe(false);
  engine.listed = true;
  expect(isReady()).toBe(true);
});

test("is ready without an engine once the host is listed and an attempt has failed", () => {
  const engine = { listed: false, sinceNs: 0n };
  const { fleet } = recordedFleet();
  const isReady = readiness({ engine }, fleet);
  const { systemd } = fleet.addHost(HOST);
  engine.sinceNs = 1n;
  expect(isReady()).toBe(false);
  systemd.take({ kind: "attached", transport: "host", atNs: 1n });
  systemd.take({ kind: "listed", rows: [], asOfNs: 1n });
  expect(isReady()).toBe(true);
  systemd.lost();
  expect(isReady()).toBe(true);
});
