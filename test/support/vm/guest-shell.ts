import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { slowMs } from "../slowness.ts";

/** A shell in the guest, at a virtio port: a line in is a command, and what it prints comes back. */
export class GuestShell implements Disposable {
  readonly #socket: Socket;
  #output = "";
  #number = 0;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => (this.#output += text));
    socket.on("error", () => {});
  }

  /** @param path socket of the port */
  static async open(path: string): Promise<GuestShell> {
    const socket = connect(path);
    await once(socket, "connect");
    return new GuestShell(socket);
  }

  /** Runs a command after the earlier ones; returns its output. @throws if its exit code isn't 0 */
  run(command: string): Promise<string> {
    const running = this.#last.then(() => this.#run(command));
    this.#last = running.catch(() => {});
    return running;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #run(command: string): Promise<string> {
    this.#number += 1;
    this.#output = "";
    const end = new RegExp(`^([^]*)\\n\u001E${this.#number} (\\d+)\\n`);
    this.#socket.write(`( ${command}\n) </dev/null; printf '\\n\\036${this.#number} %d\\n' "$?"\n`);
    const signal = AbortSignal.timeout(slowMs(LIMIT_MS));
    for (;;) {
      const [, output, code] = end.exec(this.#output) ?? [];
      if (code === "0") return (output ?? "").trimEnd();
      if (code !== undefined) throw new Error(`guest: ${command}: exit code ${code}: ${output}`);
      await once(this.#socket, "data", { signal });
    }
  }
}

const LIMIT_MS = 120_000;
