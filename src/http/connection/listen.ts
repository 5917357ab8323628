import type { AddressInfo, Server } from "node:net";
import { formatListenAddress } from "../../domain/listen-address.ts";
import type { ListenAddress } from "../../domain/listen-address.ts";

/** Reports an address that can't be listened on. The message names it, `cause` is the system's error. */
export class ListenError extends Error {
  override name = "ListenError";
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is in use",
  EADDRNOTAVAIL: "no interface has this address",
  EACCES: "permission denied",
  ENOTFOUND: "the host name is unknown",
};

/** The address that the system assigned. */
export interface BoundAddress {
  /** IP address; `::` for every interface, IPv4 included. */
  readonly host: string;
  readonly port: number;
}

/**
 * Starts listening.
 *
 * @throws ListenError
 */
export function listen(server: Server, address: ListenAddress): Promise<BoundAddress> {
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const reason = REASONS[cause.code ?? ""] ?? cause.message;
      reject(
        new ListenError(`can't listen on ${formatListenAddress(address)}: ${reason}`, { cause }),
      );
    };
    server.once("error", fail);
    server.listen(host === undefined ? { port } : { host, port }, () => {
      server.off("error", fail);
      const bound = server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
  });
}
