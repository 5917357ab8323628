import { readdirSync, readFileSync } from "node:fs";
import type { TestNode } from "../../support/engine/node.ts";
import { eventually } from "../../support/eventually.ts";

/**
 * Services of a node that do nothing but run until they are killed. They don't start again by
 * themselves: systemd does one thing at a time, and each would be in the way of the next one's kill.
 */
export class Victims {
  readonly #node: TestNode;
  readonly #count: number;
  readonly #mark: string;

  /** @param mark digits that no other command line on this machine has */
  constructor(node: TestNode, count: number, mark: string) {
    this.#node = node;
    this.#count = count;
    this.#mark = mark;
  }

  /** Makes them. */
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

  /** Starts those that don't run, and gives the pids of all, as this process sees them. */
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
