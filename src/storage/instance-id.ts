import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asError } from "../platform/data/as-error.ts";
import type { Logger } from "../domain/log.ts";

export interface InstanceIdOptions {
  /** Existing folder; undefined: the id isn't stored. */
  readonly path: string | undefined;
  /** Distinguish this instance from others if its id can't be stored. */
  readonly traits: readonly string[];
  readonly log: Logger;
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
/** The namespace that the conventions of `service.instance.id` give for derived ids. */
const NAMESPACE = "4d63009a8d0f11eeaad74c796ed8e320";

/**
 * Returns the id of this instance, a UUID: the stored one, which the first process draws at random; or
 * one derived from the traits.
 */
export async function instanceId(options: InstanceIdOptions): Promise<string> {
  const { path, traits, log } = options;
  if (path === undefined) return derivedId(traits);
  const file = join(path, "instance-id");
  try {
    return (await readId(file)) ?? (await writeId(file));
  } catch (error) {
    log.limited("instance-id").warn("instance id not stored, derived from host name and engine", {
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
  // The rename is atomic, whenever the process ends.
  await rename(draft, file);
  return id;
}

/** Returns a UUID of version 5 (RFC 9562). */
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
