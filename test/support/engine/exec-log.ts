import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Engine } from "./docker.ts";
import type { DockerEvent } from "./events.ts";

/** Each command of unitwatch has such a mark in its arguments. */
const MARK = /\bunitwatch-[0-9a-f]{32}\b/;

/** The commands that unitwatch has the engine run in containers, from the start on. */
export class ExecLog implements AsyncDisposable {
  /** Names of the containers, and the commands. */
  readonly commands: (readonly [container: string, command: string])[] = [];
  readonly #events: ChildProcess;

  constructor(engine: Engine) {
    const since = `--since=${(Date.now() / 1_000).toFixed(3)}`;
    const filters = ["--filter=type=container", "--filter=event=exec_create"];
    this.#events = spawn(
      "docker",
      [`--host=${engine.host}`, "events", since, "--format={{json .}}", ...filters],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    if (this.#events.stdout === null) throw new Error("no stdout");
    createInterface({ input: this.#events.stdout }).on("line", (line) => {
      const { Action, Actor } = JSON.parse(line) as DockerEvent;
      if (MARK.test(Action)) this.commands.push([Actor.Attributes["name"] ?? "", Action]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.kill();
    if (this.#events.exitCode === null) await once(this.#events, "close");
  }
}
