/** Fields of a protobuf message by number: varints and fixed values as bigint, others as bytes. */
export type ProtobufFields = ReadonlyMap<number, readonly (bigint | Buffer)[]>;

/** Reads one message without a schema, see https://protobuf.dev/programming-guides/encoding/. */
export function readProtobuf(message: Buffer): ProtobufFields {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const bytes = (length: number): Buffer => {
    if (at + length > message.length) throw new Error("the message is cut off");
    at += length;
    return message.subarray(at - length, at);
  };
  const value = (wireType: bigint): bigint | Buffer => {
    switch (wireType) {
      case 0n:
        return varint();
      case 1n:
        return bytes(8).readBigUInt64LE();
      case 2n:
        return bytes(Number(varint()));
      case 5n:
        return BigInt(bytes(4).readUInt32LE());
      default:
        throw new Error(`unknown wire type ${wireType}`);
    }
  };
  while (at < message.length) {
    const key = varint();
    const number = Number(key >> 3n);
    fields.set(number, [...(fields.get(number) ?? []), value(key & 7n)]);
  }
  return fields;
}
