import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { RequestOptions } from "node:http";
import { createInterface } from "node:readline";
import { systemEnv } from "./engine/packages.ts";
import { type Answer, fetchFrom } from "./http-client.ts";

/** Server of another project on a free port of 127.0.0.1. Disposing it ends it. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  get(path: string, options?: RequestOptions): Promise<Answer>;
}

export interface ServerOptions {
  readonly args: readonly string[];
  /** Working folder; removed at the end. */
  readonly folder: string;
  /** Matches the log line of its address; the first group is the port. */
  readonly listening: RegExp;
  /** True to keep its folder. Default false. */
  readonly keepFolder?: boolean;
}

/** Starts the server and waits until its log, on stderr, has its address. */
export async function startServer(command: string, options: ServerOptions): Promise<Server> {
  const { args, folder, listening, keepFolder = false } = options;
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...systemEnv(), GOMAXPROCS: "1" },
  });
  const closed = once(child, "close");
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    await closed;
    if (!keepFolder) await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await portOf(child, listening);
    return {
      port,
      get: (path, options) => fetchFrom(port, path, options),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function portOf(child: ChildProcess, listening: RegExp): Promise<number> {
  const { stderr } = child;
  if (stderr === null) throw new Error("no stderr");
  const output: string[] = [];
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => reject(new Error(`it ended:\n${output.join("\n")}`)));
    createInterface({ input: stderr }).on("line", (line) => {
      if (output.length < 100) output.push(line);
      const [, port] = listening.exec(line) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
}
