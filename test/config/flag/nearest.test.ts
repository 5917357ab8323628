import { expect, test } from "@jest/globals";
import { nearest } from "../../../src/config/flag/nearest.ts";

const WORDS = ["web.listen-address", "web.telemetry-path", "log.level", "log.format", "help"];

test.each([
  ["web.listen-adress", "web.listen-address"],
  ["listen-address", "web.listen-address"],
  ["web-listen-address", "web.listen-address"],
  ["log.levle", "log.level"],
  ["loglevel", "log.level"],
  ["hlep", "help"],
  ["verbose-and-more", undefined],
  ["", undefined],
  ["x".repeat(100_000), undefined],
])("finds for %.30s the word %s", (text, word) => {
  expect(nearest(text, WORDS)).toBe(word);
});
