import { type ByteBuffer, MAX_DECIMAL } from "../platform/data/byte-buffer.ts";

/** Returns a number as both formats write it. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

/** Writes a number as both formats have it. */
export function writeValue(out: ByteBuffer, value: number): void {
  // Whole numbers that `ByteBuffer.decimal` can write need no conversion to text.
  const isShort = Number.isInteger(value) && value >= 0 && value <= MAX_DECIMAL;
  if (isShort) out.decimal(value);
  else out.write(formatValue(value));
}
