import type { Unitwatch } from "../../support/unitwatch.ts";

/** Argument of Node.js for a process whose heap is to be looked into. */
export const INSPECTED = "--inspect=127.0.0.1:0";

interface Reply {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
}

/** Looks into the heap of a process, by the protocol of the developer tools. */
export class Heap implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #asked = 0;

  /** @param unitwatch started with {@link INSPECTED} */
  static async of(unitwatch: Unitwatch): Promise<Heap> {
    const { msg } = await unitwatch.untilLogged((line) => line.msg.includes("listening on ws:"));
    const socket = new WebSocket(/ws:\S+/.exec(msg)?.[0] ?? "");
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Heap(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      this.#waiting.get(reply.id ?? 0)?.(reply);
      this.#waiting.delete(reply.id ?? 0);
    });
  }

  /** Bytes that are reachable: objects, and the memory of buffers. */
  async liveBytes(): Promise<number> {
    await this.#ask("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize } = await this.#ask("Runtime.getHeapUsage");
    return Number(usedSize) + Number(backingStorageSize);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #ask(method: string): Promise<Readonly<Record<string, unknown>>> {
    this.#asked += 1;
    const id = this.#asked;
    this.#socket.send(JSON.stringify({ id, method }));
    return new Promise((resolve) => this.#waiting.set(id, ({ result = {} }) => resolve(result)));
  }
}
