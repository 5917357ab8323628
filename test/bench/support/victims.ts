import { readdirSync, readFileSync } from "node:fs";
import type { TestNode } from "../../support/engine/node.ts";
import { eventually } from "../../support/eventually.ts";

/**
 * Services of a node that run until they are killed. They don't restart, because systemd runs one
 * job at a time, and a restart would delay the signal of the next kill.
 */
export class Victims {
  readonly #node: TestNode;
  readonly #count: number;
  readonly #mark: string;

  /** @param mark digits that no other command line on the machine contains */
  constructor(node: TestNode, count: number, mark: string) {
    this.#node = node;
    this.#count = count;
    this.#mark = mark;
  }

  /** Writes the unit files. */
  async write(): Promise<void> {
    const script = this.#names()
      .map(
        (name, victim) =>
          `printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\n` +
          `ExecStart=sleep ${this.#seconds(victim)}\\n' ` +
          `>/etc/systemd/system/${name}`,
      )
      .join("\n");
    await this.#node.exec(["sh", "-c", `${script}\nsystemctl daemon-reload`]);
  }

  /** Starts the services that don't run; returns the pids of all in this process's namespace. */
  async start(): Promise<number[]> {
    await this.#node.systemctl("start", "--", ...this.#names());
    return this.#pids();
  }

  async stop(): Promise<void> {
    await this.#node.systemctl("stop", "--", ...this.#names());
  }

  name(victim: number): string {
    return `victim-${victim}.service`;
  }

  #names(): string[] {
    return Array.from({ length: this.#count }, (_, victim) => this.name(victim));
  }

  async #pids(): Promise<number[]> {
    return eventually(
      () => {
        const found = this.#running();
        return found.size === this.#count
          ? Array.from({ length: this.#count }, (_, victim) => found.get(victim)!)
          : false;
      },
      { everyMs: 10 },
    );
  }

  #running(): Map<number, number> {
    const found = new Map<number, number>();
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      const victim = this.#victimOf(pid);
      if (victim !== undefined) found.set(victim, pid);
    }
    return found;
  }

  #victimOf(pid: number): number | undefined {
    try {
      const [command = "", seconds = ""] = readFileSync(`/proc/${pid}/cmdline`, "latin1").split(
        "\0",
      );
      if (!command.endsWith("sleep") || !seconds.startsWith(this.#mark)) return undefined;
      return Number(seconds.slice(this.#mark.length));
    } catch {
      return undefined;
    }
  }

  #seconds(victim: number): string {
    return `${this.#mark}${String(victim).padStart(2, "0")}`;
  }
}
