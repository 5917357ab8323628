import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { decodeOtlpLogs } from "../support/otlp-logs.ts";
import { seededRandom } from "../support/seeded-random.ts";

const CHILD = join(import.meta.dirname, "crash-child.ts");
const CHANGES = 20_000;
const KILLS = 20;
/** Few enough for the last ones to come after the last kill. */
const CHANGES_PER_MS = 5;

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-crash-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

interface Backend extends AsyncDisposable {
  readonly url: string;
  /** Number of arrivals of each change. */
  readonly arrivals: Map<string, number>;
  /** Lost responses to accepted requests. */
  lost: number;
  /** Resolves when so many distinct changes have arrived. */
  arrived(count: number): Promise<void>;
}

/** Accepts requests; loses each tenth response, and fails each twentieth request. */
async function startBackend(): Promise<Backend> {
  const random = seededRandom(1);
  const arrivals = new Map<string, number>();
  let more = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request) chunks.push(chunk as Buffer);
      } catch {
        return; // Its sender was killed.
      }
      if (random(20) === 0) {
        response.writeHead(503).end();
        return;
      }
      for (const { attributes } of decodeOtlpLogs(Buffer.concat(chunks))) {
        const uid = String(attributes["log.record.uid"]);
        arrivals.set(uid, (arrivals.get(uid) ?? 0) + 1);
      }
      more.resolve();
      more = Promise.withResolvers();
      if (random(10) === 0) {
        backend.lost += 1;
        request.socket.destroy();
      } else response.writeHead(200).end();
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const backend: Backend = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`,
    arrivals,
    lost: 0,
    async arrived(count) {
      while (arrivals.size < count) await more.promise;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return backend;
}

function startChild(url: string): {
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
} {
  const args = [CHILD, path, url, String(CHANGES), String(CHANGES_PER_MS)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return { child, ended: once(child, "close").then(([, signal]) => `${signal} ${stderr}`.trim()) };
}

test("delivers each of 20,000 changes when the process is killed again and again", async () => {
  const random = seededRandom(Date.now());
  await using backend = await startBackend();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = backend.arrivals.size;
    const { child, ended } = startChild(backend.url);
    // Some are killed before they are up, some soon after a request.
    if (kill % 2 === 0 && before < CHANGES) await backend.arrived(before + 1);
    await setTimeout(random(400));
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
  }
  const { child, ended } = startChild(backend.url);
  await backend.arrived(CHANGES);
  child.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");

  expect(backend.arrivals.size).toBe(CHANGES);
  expect(Math.max(...[...backend.arrivals.keys()].map(Number))).toBe(CHANGES - 1);
  expect(backend.lost).toBeGreaterThan(0);
});
