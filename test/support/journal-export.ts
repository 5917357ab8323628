/** Number of the entries made so far: each has another cursor. */
let made = 0;

/** Fields of an entry; a value of bytes is written with its length. */
export type ExportFields = Readonly<Record<string, string | Uint8Array | undefined>>;

export const RUN = "a".repeat(32);

/**
 * Returns an entry as journalctl exports it, one character a byte. By default a line of `app.service` in
 * the run {@link RUN}; a field that is undefined is left out.
 */
export function exported(fields: ExportFields): string {
  made += 1;
  const all: ExportFields = {
    __CURSOR: `s=1;i=${made.toString(16)};b=2;m=3;t=4;x=5`,
    __REALTIME_TIMESTAMP: String(1_700_000_000_000_000 + made),
    PRIORITY: "6",
    SYSLOG_IDENTIFIER: "app",
    _PID: "77",
    _SYSTEMD_UNIT: "app.service",
    _SYSTEMD_INVOCATION_ID: RUN,
    ...fields,
  };
  const lines = Object.entries(all).map(([name, value]) => {
    if (value === undefined) return "";
    const isText = typeof value === "string" && !value.includes("\n");
    if (isText) return `${name}=${latin1(Buffer.from(value))}\n`;
    const bytes = Buffer.from(value as string);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return `${name}\n${latin1(length)}${latin1(bytes)}\n`;
  });
  return `${lines.join("")}\n`;
}

/** Returns an entry of systemd about a run of `app.service`. */
export function exportedBySystemd(fields: ExportFields): string {
  return exported({
    _PID: "1",
    SYSLOG_IDENTIFIER: "systemd",
    _SYSTEMD_UNIT: "init.scope",
    _SYSTEMD_INVOCATION_ID: undefined,
    UNIT: "app.service",
    INVOCATION_ID: RUN,
    ...fields,
  });
}

function latin1(bytes: Buffer): string {
  return bytes.toString("latin1");
}
