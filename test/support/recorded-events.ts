import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Engine } from "./engine/docker.ts";
import type { DockerEvent } from "./engine/events.ts";

/** Events that the engine sends to `docker events`. Disposing it ends the recording. */
export interface RecordedEvents extends Disposable {
  /** In the engine's order. */
  readonly all: readonly DockerEvent[];
  /** Returns the events of a container with one of these actions: `die`, `exec_create`, … */
  of(container: string, ...actions: readonly string[]): DockerEvent[];
  /** Removes the events so far. */
  clear(): void;
}

/** Records the events of containers with this label `sind.cluster`, from now on. */
export function recordEvents(engine: Engine, cluster: string): RecordedEvents {
  const docker = spawn(
    "docker",
    [
      `--host=${engine.host}`,
      "events",
      "--format={{json .}}",
      // Includes the events until the command has connected.
      `--since=${(Date.now() / 1000).toFixed(3)}`,
      "--filter=type=container",
      `--filter=label=sind.cluster=${cluster}`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const all: DockerEvent[] = [];
  createInterface({ input: docker.stdout }).on("line", (line) => {
    all.push(JSON.parse(line) as DockerEvent);
  });
  return {
    all,
    of: (container, ...actions) =>
      all.filter(
        ({ Actor, Action }) =>
          Actor.Attributes["name"] === container && actions.includes(Action.split(":")[0] ?? ""),
      ),
    clear: () => void all.splice(0),
    [Symbol.dispose]: () => void docker.kill(),
  };
}
