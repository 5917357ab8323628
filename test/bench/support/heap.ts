import type { Unitwatch } from "../../support/unitwatch.ts";

/** Argument of Node.js that opens the inspector, which {@link Heap} needs. */
export const INSPECTED = "--inspect=127.0.0.1:0";

interface Reply {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
}

/** Measures the heap of a process over the protocol of the developer tools. */
export class Heap implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #lastId = 0;

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

  /** Returns the reachable bytes: objects and the memory of buffers. */
  async liveBytes(): Promise<number> {
    await this.#request("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize } = await this.#request("Runtime.getHeapUsage");
    return Number(usedSize) + Number(backingStorageSize);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #request(method: string): Promise<Readonly<Record<string, unknown>>> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#socket.send(JSON.stringify({ id, method }));
    return new Promise((resolve) => this.#waiting.set(id, ({ result = {} }) => resolve(result)));
  }
}
