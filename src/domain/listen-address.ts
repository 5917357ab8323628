export interface ListenAddress {
  /** Host name or IP address, without brackets; undefined: every interface, IPv6 and IPv4. */
  readonly host: string | undefined;
  /** 0 to 65535; 0 picks a free one. */
  readonly port: number;
}

/** Returns an address as the command line has it: `:9100`, `localhost:9100`, `[::1]:9100`. */
export function formatListenAddress({ host = "", port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
