import { closeSync, openSync, readSync } from "node:fs";

const PIECE_BYTES = 4 * 1024;

/** Returns a file of the kernel, or the first `maxBytes` of it: such files show no size. @throws if it is unreadable */
export function readKernelFile(path: string, maxBytes: number): string {
  const fd = openSync(path, "r");
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let text = "";
    while (text.length < maxBytes) {
      const read = readSync(fd, piece, 0, Math.min(piece.length, maxBytes - text.length), null);
      if (read === 0) break;
      text += piece.toString("latin1", 0, read);
    }
    return text;
  } finally {
    closeSync(fd);
  }
}
