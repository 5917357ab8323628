import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asError } from "../platform/data/as-error.ts";
import type { Logger } from "../domain/log.ts";

export interface InstanceIdOptions {
  /** Folder that is there already; undefined: nothing is kept. */
  readonly path: string | undefined;
  /** What this instance is told from others by, where its id can't be kept. */
  readonly traits: readonly string[];
  readonly log: Logger;
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
/** What the conventions of `service.instance.id` have for ids that are derived. */
const NAMESPACE = "4d63009a8d0f11eeaad74c796ed8e320";

/**
 * The id of this instance, a UUID: the one that `path` keeps, where a first process puts one by
 * chance; else the same for the same traits.
 */
export async function instanceId(options: InstanceIdOptions): Promise<string> {
  const { path, traits, log } = options;
  if (path === undefined) return derivedId(traits);
  const file = join(path, "instance-id");
  try {
    return (await readId(file)) ?? (await writeId(file));
  } catch (error) {
    log
      .limited("instance-id")
      .warn("the instance id isn't kept: it is derived from host name and engine", {
        file,
        err: asError(error),
      });
    return derivedId(traits);
  }
}

async function readId(file: string): Promise<string | undefined> {
  try {
    const id = (await readFile(file, "latin1")).trim();
    return UUID.test(id) ? id : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeId(file: string): Promise<string> {
  const id = randomUUID();
  const draft = `${file}.${id}`;
  await writeFile(draft, `${id}\n`, { flag: "wx" });
  // Whole or not at all, whenever the process ends.
  await rename(draft, file);
  return id;
}

/** RFC 9562, version 5. */
function derivedId(traits: readonly string[]): string {
  const bytes = createHash("sha1")
    .update(Buffer.from(NAMESPACE, "hex"))
    .update(JSON.stringify(traits))
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
