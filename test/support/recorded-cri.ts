import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Messages in base64; `test/fixtures/cri/README.md` says of what. */
export interface RecordedCri {
  readonly version: string;
  readonly running: string;
  readonly outOfMemory: string;
  readonly sandbox: string;
  readonly list: string;
  readonly events: readonly string[];
  readonly ids: { readonly pod: string; readonly run: string; readonly oom: string };
}

/** Returns what this version of containerd answered. */
export function recordedCri(version: "1.6" | "2.1"): RecordedCri {
  const file = join(import.meta.dirname, `../fixtures/cri/containerd-${version}.json`);
  return JSON.parse(readFileSync(file, "utf8")) as RecordedCri;
}
