import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { instanceId } from "../../src/storage/instance-id.ts";
import { recordedLog } from "../support/recorded-log.ts";

const UUID_V4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const UUID_V5 = /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const TRAITS = ["host", "unix:///var/run/docker.sock"];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "unitwatch-instance-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const idIn = (path: string | undefined, traits = TRAITS): Promise<string> =>
  instanceId({ path, traits, log: recordedLog().log });

test("keeps the id of the first process in the folder", async () => {
  const id = await idIn(folder);
  expect(id).toMatch(UUID_V4);
  expect(await idIn(folder)).toBe(id);
  expect(await idIn(folder, ["other host"])).toBe(id);
  expect(await readdir(folder)).toEqual(["instance-id"]);
});

test("has another id in another folder", async () => {
  const other = await mkdtemp(join(tmpdir(), "unitwatch-instance-"));
  expect(await idIn(other)).not.toBe(await idIn(folder));
  await rm(other, { recursive: true });
});

test("replaces an invalid id", async () => {
  await writeFile(join(folder, "instance-id"), "");
  const id = await idIn(folder);
  expect(id).toMatch(UUID_V4);
  expect(await idIn(folder)).toBe(id);
});

test("derives the same id for the same host and engine without a folder", async () => {
  const id = await idIn(undefined);
  expect(id).toMatch(UUID_V5);
  expect(await idIn(undefined)).toBe(id);
  expect(await idIn(undefined, ["host", "tcp://elsewhere:2375"])).not.toBe(id);
});

test("logs an unusable folder, and derives the id", async () => {
  await rm(folder, { recursive: true });
  const { log, lines } = recordedLog();
  expect(await instanceId({ path: folder, traits: TRAITS, log })).toBe(await idIn(undefined));
  expect(lines).toEqual([expect.stringMatching(/level=warn msg="instance id not stored, /)]);
});
