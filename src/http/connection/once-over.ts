import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Calls `run` once, when the response is through or can't get through any more. A response that waits
 * behind another on a connection that ends doesn't tell; the socket does.
 */
export function onceOver(response: ServerResponse, socket: Socket, run: () => void): void {
  const end = (): void => {
    response.off("close", end);
    socket.off("close", end);
    run();
  };
  response.once("close", end);
  socket.once("close", end);
}
