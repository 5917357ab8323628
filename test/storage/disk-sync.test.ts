import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { FileSync } from "../../src/storage/disk-sync.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-sync-"));
  writeFileSync(join(path, "file-wal"), "x");
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

/** Returns a sync whose folder can't be opened. */
function syncWithout(code: string): FileSync {
  const opens: typeof open = async (name, ...rest) => {
    if (name !== path) return await open(name, ...rest);
    throw Object.assign(new Error(`${code}: it failed`), { code });
  };
  return new FileSync(join(path, "file"), opens);
}

test.each(["EACCES", "EINVAL", "ENOTSUP"])(
  "syncs the journal when its folder has %s",
  async (code) => {
    const sync = syncWithout(code);
    await expect(sync.journal()).resolves.toBeUndefined();
    await expect(sync.journal()).resolves.toBeUndefined();
    await sync.close();
  },
);

test.each(["EIO", "ENOENT"])("rejects when the folder has %s", async (code) => {
  const sync = syncWithout(code);
  await expect(sync.journal()).rejects.toThrow(code);
  await sync.close();
});

test("rejects when the journal is missing", async () => {
  const sync = new FileSync(join(path, "other"));
  await expect(sync.journal()).rejects.toThrow("ENOENT");
  await sync.close();
});
